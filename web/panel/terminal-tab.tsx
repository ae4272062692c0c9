import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { LiveObject } from '../../src/inspect/live-types.ts';
import { theme } from '../state.ts';
import { t } from '../text/text.ts';
import { ContainerChoice, containerNames } from './container-choice.tsx';

/** A shell in a container. xterm.js is loaded when the first one is opened. */
export function TerminalTab({ pod, container }: { pod: LiveObject; container: string | undefined }) {
  const names = containerNames(pod, container, true);
  const name = useSignal(names[0] ?? '');
  const round = useSignal(0);
  const ended = useSignal<string | undefined>(undefined);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!name.value || !place.current) return;
    const element = place.current;
    let close: (() => void) | undefined;
    let gone = false;
    ended.value = undefined;
    import('./terminal.ts').then(({ openTerminal }) => {
      if (gone) return;
      close = openTerminal(element, {
        namespace: pod.namespace,
        pod: pod.name,
        container: name.value,
        dark: theme.peek() === 'dark',
        onEnd: (reason) => {
          if (!gone) ended.value = reason || t('terminalEnded');
        },
      });
    });
    return () => {
      gone = true;
      close?.();
    };
  }, [pod.id, name.value, round.value]);
  if (names.length === 0) return <p class="notice">{t('notRunning')}</p>;
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
        {ended.value && (
          <>
            <span class="note">{ended.value}</span>
            <button type="button" onClick={() => void round.value++}>
              {t('again')}
            </button>
          </>
        )}
      </div>
      <div class="screen" ref={place} />
    </>
  );
}
