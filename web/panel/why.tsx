import type { LiveObject } from '../../src/inspect/live-types.ts';
import { diagnosis } from '../api.ts';
import { t } from '../text/text.ts';
import { usePolled } from './polled.ts';

const refreshMs = 5000;

/** Why it does not work: what `vitrine why` says, the cause first. */
export function Why({ object }: { object: LiveObject }) {
  const { value: report, problem } = usePolled(object.id, refreshMs, (signal) => diagnosis(object, signal));
  if (problem.value) return <p class="notice bad">{problem.value}</p>;
  if (!report.value) return <p class="notice">{t('loading')}</p>;
  const { works, findings, unseen } = report.value;
  return (
    <>
      {works && <p class="notice">{t('nothingWrong')}</p>}
      <ol class="findings">
        {findings.map(({ code, severity, subject, cause, evidence, hints, count }) => (
          <li key={`${code} ${subject} ${cause}`} class={severity}>
            <b>{cause}</b>
            <span class="note">
              {subject}
              {count > 1 && ` · ${count}×`}
            </span>
            {evidence.length > 0 && (
              <ul>
                {evidence.map((text) => (
                  <li key={text}>{text}</li>
                ))}
              </ul>
            )}
            {hints.map((text) => (
              <p class="hint" key={text}>
                → {text}
              </p>
            ))}
          </li>
        ))}
      </ol>
      {unseen.map((text) => (
        <p class="note" key={text}>
          {t('unseen', { what: text })}
        </p>
      ))}
    </>
  );
}
