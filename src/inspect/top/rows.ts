import type { TopProcess } from './sampler.ts';

/** What a line stands for; Enter goes one step down: Pod, container, process, thread. */
export const levels = ['pods', 'containers', 'units', 'processes'] as const;
export type Level = (typeof levels)[number];

export const sortOrders = ['cpu', 'memory', 'threads', 'time', 'name'] as const;
export type SortOrder = (typeof sortOrders)[number];

export interface TopRow {
  /** Stays the same between samples. */
  key: string;
  name: string;
  /** Of processes. */
  pid?: number;
  user?: string;
  state?: string;
  processes: number;
  threads: number;
  rssBytes: number;
  cpuPercent: number;
  cpuSeconds: number;
}

export interface TopQuery {
  level: Level;
  sort: SortOrder;
  /** Key of the row that was entered; its processes only. */
  within?: string;
  /** Of the name, without regard to case. */
  filter?: string;
}

/** Names for what the kernel only knows by number; absent without a cluster. */
export interface TopNames {
  pod(uid: string): string | undefined;
  container(id: string): string | undefined;
}

/** The lines of one sample. Pure. */
export function topRows(processes: TopProcess[], query: TopQuery, names: TopNames): TopRow[] {
  const { level, sort, within, filter = '' } = query;
  const groups = new Map<string, TopRow>();
  for (const process of processes) {
    if (within !== undefined && !keysOf(process).includes(within)) continue;
    const row = rowOf(process, level, names);
    if (!row) continue;
    const known = groups.get(row.key);
    if (known) add(known, row);
    else groups.set(row.key, row);
  }
  const wanted = filter.toLowerCase();
  return [...groups.values()].filter(({ name }) => name.toLowerCase().includes(wanted)).sort(comparators[sort]);
}

const podKey = (uid: string): string => `pod ${uid}`;
const containerKey = (id: string): string => `container ${id}`;
const unitKey = (unit: string): string => `unit ${unit}`;

/** All groups that a process is in. */
function keysOf({ owner, pid, startTicks }: TopProcess): string[] {
  const { container, unit } = owner;
  return [
    ...(container?.podUid ? [podKey(container.podUid)] : []),
    ...(container ? [containerKey(container.id)] : []),
    ...(unit ? [unitKey(unit)] : []),
    `process ${pid} ${startTicks}`,
  ];
}

function rowOf(process: TopProcess, level: Level, names: TopNames): TopRow | undefined {
  const { pid, startTicks, user, state, threads, rssBytes, cpuPercent, cpuTicks, owner } = process;
  const figures = { processes: 1, threads, rssBytes, cpuPercent, cpuSeconds: cpuTicks / 100 };
  const { container, unit } = owner;
  switch (level) {
    case 'processes':
      return { key: `process ${pid} ${startTicks}`, name: commandOf(process), pid, user, state, ...figures };
    case 'containers':
      return (
        container && {
          key: containerKey(container.id),
          name: names.container(container.id) ?? `${container.runtime} ${container.id.slice(0, 12)}`,
          ...figures,
        }
      );
    case 'pods':
      return container?.podUid === undefined
        ? undefined
        : { key: podKey(container.podUid), name: names.pod(container.podUid) ?? `pod ${container.podUid}`, ...figures };
    case 'units':
      return unit === undefined ? undefined : { key: unitKey(unit), name: unit, ...figures };
  }
}

export function commandOf({ command, name }: Pick<TopProcess, 'command' | 'name'>): string {
  return command.length > 0 ? command.join(' ').trim() : `[${name}]`;
}

function add(row: TopRow, { processes, threads, rssBytes, cpuPercent, cpuSeconds }: TopRow): void {
  row.processes += processes;
  row.threads += threads;
  row.rssBytes += rssBytes;
  row.cpuPercent += cpuPercent;
  row.cpuSeconds += cpuSeconds;
}

const byName = (a: TopRow, b: TopRow): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : (a.pid ?? 0) - (b.pid ?? 0);

/** The largest first; equal ones stay in order of name, so that nothing jumps about. */
const comparators: Record<SortOrder, (a: TopRow, b: TopRow) => number> = {
  cpu: (a, b) => b.cpuPercent - a.cpuPercent || b.cpuSeconds - a.cpuSeconds || byName(a, b),
  memory: (a, b) => b.rssBytes - a.rssBytes || byName(a, b),
  threads: (a, b) => b.threads - a.threads || byName(a, b),
  time: (a, b) => b.cpuSeconds - a.cpuSeconds || byName(a, b),
  name: byName,
};
