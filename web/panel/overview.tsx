import { ageOf, nameOf } from '../model/describe.ts';
import { partsOf, pathTo } from '../model/lineage.ts';
import { threadId } from '../model/world.ts';
import { flyTo, hovered, live, select } from '../state.ts';
import { bytes, duration, percent } from '../text/format.ts';
import { kindWord, t } from '../text/text.ts';
import { Cgroup, Namespaces } from './kernel.tsx';
import { Metrics } from './metrics.tsx';
import { Section } from './panel.tsx';

type Fact = [name: string, value: string | number | undefined];

/** Facts, use over the last minutes, the line up, the parts down, namespaces and cgroup. */
export function Overview({ id }: { id: string }) {
  const path = pathTo(live(), id).slice(0, -1);
  const parts = partsOf(live(), id);
  const process = live().processes.get(id) ?? live().ways.processOfThread.get(id);
  const containerId = live().containers.has(id) ? id : process?.container;
  const container = containerId === undefined ? undefined : live().containers.get(containerId);
  const first = process ?? (container && live().ways.processesOf.get(container.id)?.[0]);
  return (
    <>
      <Facts facts={factsOf(id)} />
      <Metrics id={id} />
      {path.length > 0 && (
        <Section title={t('line')}>
          <Things ids={path} />
        </Section>
      )}
      <Beside id={id} />
      {parts.length > 0 && (
        <Section title={`${t('parts')} (${parts.length})`}>
          <Things ids={parts} />
        </Section>
      )}
      {container?.use && <Cgroup container={container} use={container.use} />}
      {first && <Namespaces process={first} />}
    </>
  );
}

function factsOf(id: string): Fact[] {
  const object = live().objects.get(id);
  if (object)
    return [
      [t('status'), object.status],
      [t('namespace'), object.namespace || undefined],
      [t('created'), ageOf(live(), object.createdAtMs)],
      [t('address'), object.addresses?.join(' ') || undefined],
      [t('node'), object.node],
    ];
  const container = live().containers.get(id);
  if (container)
    return [
      [t('status'), container.status],
      [t('image'), container.image],
      [t('runtime'), container.runtime],
      [t('restarts'), container.restarts],
      ['ID', container.id.slice(0, 24)],
    ];
  const process = live().processes.get(id);
  if (process)
    return [
      [t('pid'), process.pid],
      [t('pidInside'), process.innerPid === process.pid ? undefined : process.innerPid],
      [t('parent'), process.ppid || undefined],
      [t('command'), process.command || t('kernelThread')],
      [t('user'), process.user],
      [t('state'), stateWord(process.state)],
      [t('started'), ageOf(live(), process.startedAtMs)],
      [t('resident'), bytes(process.rssBytes)],
      [t('cpuTime'), duration(process.cpuTicks * 10)],
      [t('threads'), process.threads.length],
      [t('unit'), process.unit],
      [t('cgroup'), process.cgroup],
    ];
  return threadFacts(id);
}

function threadFacts(id: string): Fact[] {
  const process = live().ways.processOfThread.get(id);
  const thread = process?.threads.find((one) => threadId(one) === id);
  if (!thread) return [];
  const [tid, startTicks, state, ticks] = thread;
  return [
    [t('tid'), tid],
    [t('state'), stateWord(state)],
    [t('cpu'), percent(live().cpu.get(id) ?? 0)],
    [t('cpuTime'), `${(ticks / 100).toFixed(2)} s`],
    [t('started'), ageOf(live(), (live().host?.bootTimeMs ?? 0) + startTicks * 10)],
  ];
}

function stateWord(state: string): string {
  const words: Record<string, string> = {
    R: t('stateR'),
    S: t('stateS'),
    D: t('stateD'),
    T: t('stateT'),
    t: t('stateT'),
    Z: t('stateZ'),
    I: t('stateI'),
  };
  return words[state] ? `${state} · ${words[state]}` : state;
}

export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== undefined && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** What a thing is joined with besides its line. */
function Beside({ id }: { id: string }) {
  const object = live().objects.get(id);
  const services = (live().ways.servicesOf.get(id) ?? []).map((service) => service.id);
  const monitors = (live().ways.monitorsOf.get(id) ?? []).map((process) => process.id);
  const node = object?.node === undefined ? undefined : live().ways.nodesByName.get(object.node)?.id;
  const groups: [string, string[]][] = [
    [t('selectedBy'), services],
    [t('monitor'), monitors],
    [t('node'), node === undefined ? [] : [node]],
  ];
  return (
    <>
      {groups
        .filter(([, ids]) => ids.length > 0)
        .map(([title, ids]) => (
          <Section title={title} key={title}>
            <Things ids={ids} />
          </Section>
        ))}
    </>
  );
}

/** More would not be read; the map shows them all. */
const most = 60;

export function Things({ ids }: { ids: string[] }) {
  return (
    <ul class="things">
      {ids.slice(0, most).map((id) => {
        const { kind, name, note } = nameOf(live(), id);
        const health = (live().objects.get(id) ?? live().containers.get(id))?.health;
        const cpu = live().cpu.get(id);
        const go = () => {
          select(id);
          flyTo.value = { id };
        };
        return (
          <li key={id}>
            <button
              type="button"
              onClick={go}
              onMouseEnter={() => {
                hovered.value = id;
              }}
              onMouseLeave={() => {
                hovered.value = undefined;
              }}
            >
              {health && <i class={`dot ${health}`} role="img" aria-label={t(health)} />}
              <span class="kind">{kindWord(kind)}</span>
              <b>{name}</b>
              <span class="note">{note}</span>
              {cpu !== undefined && cpu >= 0.005 && <span class="use">{percent(cpu)}</span>}
            </button>
          </li>
        );
      })}
      {ids.length > most && <li class="note">+ {ids.length - most}</li>}
    </ul>
  );
}
