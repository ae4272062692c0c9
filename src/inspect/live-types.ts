/**
 * What the page is told: three tables by id, whole at first, then what has changed. It has no imports, so that a browser
 * can use it as it is. Ids are unique across the tables.
 */
export interface LiveSnapshot {
  schema: 'vitrine/live/v1';
  takenAtMs: number;
  host: LiveHost;
  objects: LiveObject[];
  containers: LiveContainer[];
  processes: LiveProcess[];
}

export interface LiveDelta {
  schema: 'vitrine/live-delta/v1';
  takenAtMs: number;
  /** New ones and changed ones, each whole. */
  objects: LiveObject[];
  containers: LiveContainer[];
  processes: LiveProcess[];
  /** Ids of what is no more. */
  gone: string[];
}

export interface LiveHost {
  hostname: string;
  /** Vitrine's cluster. */
  cluster: string;
  cpus: number;
  memoryBytes: number;
  bootTimeMs: number;
  cgroups: string;
}

/** 'idle': nothing wanted or all done; 'progress': on its way; 'bad': somebody should look. */
export type Health = 'good' | 'progress' | 'bad' | 'idle';

/** Service, Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob, Pod, Node. */
export interface LiveObject {
  /** Its uid. */
  id: string;
  kind: string;
  /** '' for what has none. */
  namespace: string;
  name: string;
  /** A word or two: 'Running', '3/3', 'CrashLoopBackOff'. */
  status: string;
  health: Health;
  createdAtMs: number;
  /** Id of its controller. */
  owner?: string;
  /** Replicas, of kinds that can be scaled. */
  wanted?: number;
  /** Name of a Pod's node. */
  node?: string;
  /** Ids of a Service's Pods. */
  selects?: string[];
  addresses?: string[];
  /** Path in the API. */
  path: string;
}

export interface LiveContainer {
  /** Of one that never ran: the Pod's uid and its name. */
  id: string;
  /** Id of its Pod, if it is one of this cluster. */
  pod?: string;
  name: string;
  image: string;
  runtime: string;
  status: string;
  health: Health;
  restarts: number;
  /** Whether it can be asked for a terminal. */
  running: boolean;
  /** Whether it is an init container. */
  init: boolean;
  cgroup: string;
  use?: LiveUse;
}

/** Of a cgroup; a limit that is not set is absent. */
export interface LiveUse {
  memoryBytes: number;
  workingSetBytes: number;
  memoryLimitBytes?: number;
  cpuNanoseconds: number;
  throttledNanoseconds: number;
  cpuLimit?: number;
  pids: number;
  pidsLimit?: number;
  oomKills: number;
}

export interface LiveProcess {
  /** 'p', pid and start time. */
  id: string;
  pid: number;
  ppid: number;
  innerPid: number;
  /** Id of its container. */
  container?: string;
  /** Id of the container that a monitor watches. */
  watches?: string;
  role?: 'first' | 'monitor' | 'vitrine';
  name: string;
  command: string;
  state: string;
  /** 1/100 s. */
  cpuTicks: number;
  rssBytes: number;
  user: string;
  startedAtMs: number;
  unit?: string;
  cgroup: string;
  /** Inode numbers by kind. */
  namespaces: Record<string, number>;
  threads: LiveThread[];
}

/** Tuples, for there are ten thousand: tid, start in ticks since boot, state, CPU ticks, name. */
export type LiveThread = [tid: number, startTicks: number, state: string, cpuTicks: number, name: string];
