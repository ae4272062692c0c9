import type { LiveObject } from '../../src/inspect/live-types.ts';
import { live } from '../state.ts';
import { t } from '../text/text.ts';
/** Names of a Pod's containers, the one meant first. */
export function containerNames(pod: LiveObject, preferred: string | undefined, onlyRunning: boolean): string[] {
  const containers = (live().ways.containersOf.get(pod.id) ?? []).filter(
    ({ running, name }) => name !== 'pause' && (running || !onlyRunning),
  );
  return containers.sort((a, b) => Number(b.id === preferred) - Number(a.id === preferred)).map(({ name }) => name);
}

interface Props {
  names: string[];
  value: string;
  onChange: (name: string) => void;
}

export function ContainerChoice({ names, value, onChange }: Props) {
  return (
    <label>
      {t('container')}{' '}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
