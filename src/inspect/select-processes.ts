import { matchesLabels, type Selector } from '../api/selectors.ts';
import type { Process, Snapshot } from './snapshot.ts';

/** Which processes a view shows; all that are set must hold. */
export interface ProcessFilter {
  /** All processes of the host, not only those of the cluster's Pods. */
  all?: boolean;
  /** Vitrine cluster whose Pods are meant. */
  cluster?: string;
  namespace?: string;
  selector?: Selector;
  /** Name of a Pod. */
  pod?: string;
  pids?: number[];
  /** Names or numbers. */
  users?: string[];
  /** The kernel's names of the processes. */
  names?: string[];
}

/** In order of pid. */
export function selectProcesses(snapshot: Snapshot, filter: ProcessFilter): Process[] {
  const selected = [...snapshot.processes.values()].filter((process) => matches(process, filter));
  return selected.sort((a, b) => a.pid - b.pid);
}

function matches(process: Process, filter: ProcessFilter): boolean {
  const { pids, users, names } = filter;
  if (pids && !pids.includes(process.pid)) return false;
  if (users && !users.includes(process.user) && !users.includes(String(process.uid))) return false;
  if (names && !names.includes(process.comm)) return false;
  if (filter.namespace === undefined && !filter.selector && filter.pod === undefined)
    return !!(filter.all || pids || inCluster(process, filter.cluster));
  const pod = process.container?.pod;
  if (!pod) return false;
  if (filter.namespace !== undefined && filter.namespace !== pod.namespace) return false;
  if (filter.pod !== undefined && filter.pod !== pod.name) return false;
  return !filter.selector || matchesLabels(filter.selector, pod.object.metadata.labels);
}

/** Known by its cgroup, so even when the API does not answer. */
function inCluster({ container }: Process, cluster: string | undefined): boolean {
  return !!container && (cluster === undefined ? container.podUid !== undefined : container.cluster === cluster);
}

type Value = (process: Process, uptimeMs: number) => number | string;

/** What can be sorted by; ps(1)'s names. */
const sortValues: Record<string, Value> = {
  pid: ({ pid }) => pid,
  ppid: ({ ppid }) => ppid,
  rss: ({ rssBytes }) => rssBytes,
  vsz: ({ virtualBytes }) => virtualBytes,
  '%cpu': (process, uptimeMs) => cpuPercent(process, uptimeMs),
  threads: ({ threadCount }) => threadCount,
  time: ({ userTicks, systemTicks }) => userTicks + systemTicks,
  start: ({ startTicks }) => startTicks,
  user: ({ user }) => user,
  comm: ({ comm }) => comm,
  pod: ({ container }) => container?.pod?.name ?? '',
};

const sortAliases: Record<string, string> = {
  cpu: '%cpu',
  pcpu: '%cpu',
  '%mem': 'rss',
  pmem: 'rss',
  rssize: 'rss',
  vsize: 'vsz',
  nlwp: 'threads',
  thcount: 'threads',
  cputime: 'time',
  start_time: 'start',
  stime: 'start',
  lstart: 'start',
  cmd: 'comm',
};

export const sortKeys: string[] = Object.keys(sortValues);

export interface SortBy {
  key: string;
  descending: boolean;
}

/** '-rss': largest first; 'rss' and '+rss': smallest first, as ps --sort has it. undefined: no such key. */
export function parseSortKey(text: string): SortBy | undefined {
  const word = text.replace(/^[-+]/, '');
  const key = sortAliases[word] ?? word;
  return Object.hasOwn(sortValues, key) ? { key, descending: text.startsWith('-') } : undefined;
}

/** By the first key, equal ones by the next, at last by pid. */
export function sortProcesses(processes: Process[], by: SortBy[], uptimeMs: number): Process[] {
  const compare = (a: Process, b: Process): number => {
    for (const { key, descending } of by) {
      const [left, right] = [sortValues[key]!(a, uptimeMs), sortValues[key]!(b, uptimeMs)];
      if (left !== right) return left < right === descending ? 1 : -1;
    }
    return a.pid - b.pid;
  };
  return [...processes].sort(compare);
}

/** CPU time over the time since the start, as ps shows it (ps(1), %cpu). */
export function cpuPercent(
  { userTicks, systemTicks, startTicks }: Pick<Process, 'userTicks' | 'systemTicks' | 'startTicks'>,
  uptimeMs: number,
): number {
  const elapsedMs = uptimeMs - startTicks * 10;
  return elapsedMs <= 0 ? 0 : ((userTicks + systemTicks) * 1000) / elapsedMs;
}

export interface ForestEntry {
  process: Process;
  /** Glyphs that show the depth, as `ps f` draws them. */
  prefix: string;
}

/** Parents before their children, each level in order of pid; a process whose parent is not shown is a root. */
export function forest(processes: Process[]): ForestEntry[] {
  const shown = new Set(processes);
  const entries: ForestEntry[] = [];
  // A stack of its own: chains of thousands of processes exist.
  const roots = processes.filter(({ parent }) => !parent || !shown.has(parent));
  const stack = roots.map((process) => ({ process, prefix: '', inner: '' })).reverse();
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { process, prefix, inner } = top;
    entries.push({ process, prefix });
    const children = process.children.filter((child) => shown.has(child)).sort((a, b) => a.pid - b.pid);
    for (const [index, child] of [...children.entries()].reverse()) {
      const last = index === children.length - 1;
      stack.push({ process: child, prefix: `${inner} \\_ `, inner: `${inner}${last ? '    ' : ' |  '}` });
    }
  }
  return entries;
}
