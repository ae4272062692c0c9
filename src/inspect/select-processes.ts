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
  /** Name or number. */
  user?: string;
}

/** In order of pid. */
export function selectProcesses(snapshot: Snapshot, filter: ProcessFilter): Process[] {
  const selected = [...snapshot.processes.values()].filter((process) => matches(process, filter));
  return selected.sort((a, b) => a.pid - b.pid);
}

function matches(process: Process, filter: ProcessFilter): boolean {
  const { pids, user } = filter;
  if (pids && !pids.includes(process.pid)) return false;
  if (user !== undefined && user !== process.user && user !== String(process.uid)) return false;
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

export const sortKeys = ['pid', 'rss', 'cpu', 'threads', 'time', 'start'] as const;
export type SortKey = (typeof sortKeys)[number];

/** '-rss': largest first; 'rss' and '+rss': smallest first, as ps --sort has it. Equal ones by pid. */
export function sortProcesses(processes: Process[], key: SortKey, descending: boolean, uptimeMs: number): Process[] {
  const value = (process: Process): number => {
    switch (key) {
      case 'pid':
        return process.pid;
      case 'rss':
        return process.rssBytes;
      case 'cpu':
        return cpuPercent(process, uptimeMs);
      case 'threads':
        return process.threadCount;
      case 'time':
        return process.userTicks + process.systemTicks;
      case 'start':
        return process.startTicks;
    }
  };
  const sign = descending ? -1 : 1;
  return [...processes].sort((a, b) => sign * (value(a) - value(b)) || a.pid - b.pid);
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
