import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { LiveObject } from '../../src/inspect/live-types.ts';
import { api } from '../api.ts';
import { t } from '../text/text.ts';
import { ContainerChoice, containerNames } from './container-choice.tsx';
import { LogLines } from './log-lines.ts';

/** A container's output as it comes. */
export function Logs({ pod, container }: { pod: LiveObject; container: string | undefined }) {
  const names = containerNames(pod, container, false);
  const name = useSignal(names[0] ?? '');
  const follow = useSignal(true);
  const previous = useSignal(false);
  const wrap = useSignal(true);
  const text = useSignal('');
  const ended = useSignal<string | undefined>(undefined);
  const output = useRef<HTMLPreElement>(null);
  useEffect(() => {
    const abort = new AbortController();
    text.value = '';
    ended.value = undefined;
    const parameters = new URLSearchParams({ container: name.value, tailLines: '500' });
    if (previous.value) parameters.set('previous', 'true');
    else parameters.set('follow', 'true');
    const lines = new LogLines((next) => {
      text.value = next;
    });
    readLog(`${pod.path}/log?${parameters}`, lines, abort.signal).then(
      () => {
        ended.value = t('logEnded');
      },
      (error: Error) => {
        if (!abort.signal.aborted) ended.value = error.message;
      },
    );
    return () => abort.abort();
  }, [pod.path, name.value, previous.value]);
  useEffect(() => {
    if (follow.value && output.current) output.current.scrollTop = output.current.scrollHeight;
  }, [text.value, follow.value]);
  const scrolled = () => {
    const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = output.current ?? {};
    follow.value = scrollHeight - scrollTop - clientHeight < 30;
  };
  return (
    <>
      <div class="controls">
        <ContainerChoice
          names={names}
          value={name.value}
          onChange={(next) => {
            name.value = next;
          }}
        />
        <Check label={t('follow')} value={follow} />
        <Check label={t('previous')} value={previous} />
        <Check label={t('wrap')} value={wrap} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long text is scrolled with keys */}
      <pre ref={output} class={wrap.value ? 'wrap' : ''} tabIndex={0} role="log" aria-live="off" onScroll={scrolled}>
        {text.value}
        {ended.value && <em>{ended.value}</em>}
      </pre>
    </>
  );
}

function Check({ label, value }: { label: string; value: { value: boolean } }) {
  return (
    <label>
      <input
        type="checkbox"
        checked={value.value}
        onChange={(event) => {
          value.value = event.currentTarget.checked;
        }}
      />
      {label}
    </label>
  );
}

async function readLog(path: string, lines: LogLines, signal: AbortSignal): Promise<void> {
  const response = await api(path, { signal, headers: { accept: '*/*' } });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) lines.add(part.value);
}
