import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { LiveObject } from '../../src/inspect/live-types.ts';
import { getJson } from '../api.ts';
import { t } from '../text/text.ts';

interface WithMetadata {
  apiVersion: string;
  kind: string;
  metadata: { managedFields?: unknown };
}

/** The object as the API has it, without managedFields, which are for machines. */
export function Yaml({ object }: { object: LiveObject }) {
  const text = useSignal<string | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const copied = useSignal(false);
  useEffect(() => {
    const abort = new AbortController();
    const load = async () => {
      const [found, { stringify }] = await Promise.all([
        getJson<WithMetadata>(object.path, abort.signal),
        import('yaml'),
      ]);
      const { apiVersion, kind, metadata, ...rest } = found;
      const { managedFields: _, ...shown } = metadata;
      text.value = stringify({ apiVersion, kind, metadata: shown, ...rest });
    };
    load().catch((error: Error) => {
      if (!abort.signal.aborted) problem.value = error.message;
    });
    return () => abort.abort();
  }, [object.path]);
  if (problem.value) return <p class="notice bad">{problem.value}</p>;
  if (text.value === undefined) return <p class="notice">{t('loading')}</p>;
  const copy = async () => {
    await navigator.clipboard.writeText(text.value ?? '');
    copied.value = true;
  };
  return (
    <>
      <button type="button" class="copy" onClick={copy}>
        {t(copied.value ? 'copied' : 'copy')}
      </button>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long text is scrolled with keys */}
      <pre tabIndex={0}>
        {text.value.split('\n').map((line, i) => (
          <YamlLine key={i} line={line} />
        ))}
      </pre>
    </>
  );
}

function YamlLine({ line }: { line: string }) {
  const match = /^(\s*(?:- )*)([^\s:][^:]*):(?= |$)(.*)$/.exec(line);
  if (!match) return <div>{line || ' '}</div>;
  const [, indent, key, rest] = match;
  return (
    <div>
      {indent}
      <span class="key">{key}</span>:{rest}
    </div>
  );
}
