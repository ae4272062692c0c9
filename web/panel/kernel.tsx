import type { LiveContainer, LiveProcess, LiveUse } from '../../src/inspect/live-types.ts';
import { live } from '../state.ts';
import { bytes, duration } from '../text/format.ts';
import { t } from '../text/text.ts';
import { Facts } from './overview.tsx';
import { Section } from './panel.tsx';
/** Limits and use as the kernel counts them. */
export function Cgroup({ container, use }: { container: LiveContainer; use: LiveUse }) {
  const withLimit = (value: string, limit: string | undefined) =>
    limit === undefined ? value : `${value} (${t('limit', { value: limit })})`;
  const { memoryLimitBytes: memoryLimit, cpuLimit } = use;
  return (
    <Section title={t('cgroup')}>
      {memoryLimit !== undefined && (
        <meter
          min={0}
          max={memoryLimit}
          high={memoryLimit * 0.9}
          value={use.workingSetBytes}
          aria-label={t('memory')}
        />
      )}
      <Facts
        facts={[
          [
            t('workingSet'),
            withLimit(bytes(use.workingSetBytes), memoryLimit === undefined ? undefined : bytes(memoryLimit)),
          ],
          [t('memory'), bytes(use.memoryBytes)],
          [
            t('cpuTime'),
            withLimit(duration(use.cpuNanoseconds / 1e6), cpuLimit === undefined ? undefined : `${cpuLimit} CPU`),
          ],
          [t('throttled'), use.throttledNanoseconds > 0 ? duration(use.throttledNanoseconds / 1e6) : t('none')],
          [t('pids'), withLimit(String(use.pids), use.pidsLimit === undefined ? undefined : String(use.pidsLimit))],
          [t('oomKills'), use.oomKills],
          ['', container.cgroup],
        ]}
      />
    </Section>
  );
}

/** Its namespaces: the host's, its own, or who else is in them. */
export function Namespaces({ process }: { process: LiveProcess }) {
  const kinds = Object.entries(process.namespaces);
  if (kinds.length === 0) return null;
  return (
    <Section title={t('namespaces')}>
      <table class="namespaces">
        <tbody>
          {kinds.map(([kind, inode]) => (
            <tr key={kind}>
              <th scope="row">{kind}</th>
              <td>{inode}</td>
              <td>{whose(process, inode)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function whose(process: LiveProcess, inode: number): string {
  const members = live().ways.inNamespace.get(inode) ?? [];
  if (members.some(({ pid }) => pid === 1)) return t('ofHost');
  const containers = new Set(members.map(({ container }) => container).filter((id) => id !== process.container));
  const names = [...containers].flatMap((id) => (id === undefined ? [] : (live().containers.get(id)?.name ?? [])));
  return names.length === 0 ? t('own') : t('sharedWith', { who: names.slice(0, 3).join(', ') });
}
