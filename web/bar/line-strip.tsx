import { palettes } from '../map/palette.ts';
import { nameOf } from '../model/describe.ts';
import { pathTo } from '../model/lineage.ts';
import { colourMode, flyTo, hovered, live, select, selected, theme } from '../state.ts';
import type { TextKey } from '../text/en.ts';
import { bytes, percent } from '../text/format.ts';
import { t } from '../text/text.ts';
/** Under the map: the line of what is pointed at, else the totals; and what the colours mean. */
export function LineStrip() {
  const id = hovered.value ?? selected.value;
  return (
    <footer class="bottom">
      {id ? <Line id={id} /> : <Totals />}
      <Legend />
    </footer>
  );
}

function Line({ id }: { id: string }) {
  const cpu = live().cpu.get(id);
  return (
    <nav class="line" aria-label={t('line')}>
      {pathTo(live(), id).map((step) => {
        const { kind, name, note } = nameOf(live(), step);
        const go = () => {
          select(step);
          flyTo.value = { id: step };
        };
        return (
          <button type="button" key={step} onClick={go} class={step === id ? 'here' : ''}>
            <span class="kind">{kind}</span> <b>{name}</b> {step === id && <span class="note">{note}</span>}
          </button>
        );
      })}
      {cpu !== undefined && <span class="note">CPU {percent(cpu)}</span>}
    </nav>
  );
}

function Totals() {
  const { objects, containers, processes } = live();
  let pods = 0;
  for (const { kind } of objects.values()) if (kind === 'Pod') pods++;
  let running = 0;
  let memory = 0;
  for (const container of containers.values()) {
    if (!container.pod || !container.running) continue;
    running++;
    memory += container.use?.workingSetBytes ?? 0;
  }
  let inPods = 0;
  let threads = 0;
  let cpu = 0;
  for (const process of processes.values()) {
    cpu += live().cpu.get(process.id) ?? 0;
    if (!process.container || !containers.get(process.container)?.pod) continue;
    inPods++;
    threads += process.threads.length;
  }
  const facts: [string, string | number][] = [
    [t('pods'), pods],
    [t('containers'), running],
    [t('processes'), inPods],
    [t('threads'), threads],
    [t('memory'), bytes(memory)],
    [`${t('cpu')} · ${live().host?.hostname ?? ''}`, `${percent(cpu)} / ${(live().host?.cpus ?? 0) * 100} %`],
  ];
  return (
    <dl class="totals">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

const states: [string, TextKey][] = [
  ['R', 'stateR'],
  ['S', 'stateS'],
  ['D', 'stateD'],
  ['T', 'stateT'],
  ['Z', 'stateZ'],
];

function Legend() {
  const palette = palettes[theme.value];
  if (colourMode.value === 'state')
    return (
      <ul class="legend">
        {states.map(([state, key]) => (
          <li key={state}>
            <i style={{ background: palette.states[state] }} />
            {t(key)}
          </li>
        ))}
      </ul>
    );
  const age = colourMode.value === 'age';
  return (
    <div class="legend">
      {t(age ? 'old' : 'little')}
      <i class="ramp" style={{ background: `linear-gradient(90deg, ${palette.ramp.join(',')})` }} />
      {t(age ? 'fresh' : 'much')}
    </div>
  );
}
