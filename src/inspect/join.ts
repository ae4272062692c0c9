import { controllerOf, type KubeObject } from '../api/object.ts';
import type { ContainerHint, ForeignContainer } from '../linux/foreign-containers.ts';
import type { ProcessInfo } from '../linux/proc.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { containerdTasks, monitoredContainer } from './monitor.ts';
import { statusesOf } from './pod-phase.ts';
import { type CgroupOwner, primaryCgroup, recogniseCgroup } from './recognise-cgroup.ts';
import type { CgroupEntry, Container, HostFacts, Namespace, PodEntry, Process, Snapshot } from './snapshot.ts';

export interface JoinInput {
  host: HostFacts;
  processes: ProcessInfo[];
  users: Map<number, string>;
  objects: ClusterObjects;
  readCgroup: Snapshot['readCgroup'];
  readPressure?: Snapshot['readPressure'];
  readRules?: Snapshot['readRules'];
  takenAtMs?: number;
  /** Pid of whoever reads. */
  readerPid?: number;
  /** Reads what other runtimes know of their containers. */
  readForeign?(hint: ContainerHint): ForeignContainer | undefined;
}

/** Steps: 1. processes and their parents, 2. Pods and owners, 3. containers by cgroup and by status, 4. who is who in them, 5. what other runtimes call theirs, 6. namespaces. */
export function joinSnapshot(input: JoinInput): Snapshot {
  const cgroups = new Map<string, CgroupEntry>();
  const owners = new Map<string, CgroupOwner>();
  const processes = joinProcesses(input, cgroups, owners);
  const pods = joinPods(input.objects);
  const containers = joinContainers(cgroups, owners, pods);
  assignRoles(processes, containers, owners);
  describeForeign(containers, input.readForeign);
  return {
    takenAtMs: input.takenAtMs ?? Date.now(),
    host: input.host,
    processes,
    containers,
    namespaces: joinNamespaces(processes, input.readerPid),
    cgroups,
    pods,
    objects: input.objects,
    readCgroup: input.readCgroup,
    readPressure: input.readPressure ?? (() => ({})),
    readRules: input.readRules ?? (() => undefined),
  };
}

function joinProcesses(
  { processes, users, host }: JoinInput,
  cgroups: Map<string, CgroupEntry>,
  owners: Map<string, CgroupOwner>,
): Map<number, Process> {
  const byPid = new Map<number, Process>();
  const tasks = containerdTasks(processes);
  for (const info of processes) {
    const cgroup = primaryCgroup(info.cgroups);
    const owner = getOrMake(owners, cgroup, (path) => recogniseCgroup(path, tasks));
    const process: Process = {
      ...info,
      // Read after the count in stat: the list is what is shown, so it is what counts.
      threadCount: info.threads?.length ?? info.threadCount,
      user: users.get(info.uid) ?? String(info.uid),
      startedAtMs: host.bootTimeMs + info.startTicks * 10,
      cgroup,
      parent: undefined,
      children: [],
      container: undefined,
      role: undefined,
      watches: undefined,
      unit: owner.unit,
      package: owner.package,
    };
    byPid.set(info.pid, process);
    getOrMake(cgroups, cgroup, newCgroup).processes.push(process);
  }
  for (const process of byPid.values()) {
    process.parent = byPid.get(process.ppid);
    process.parent?.children.push(process);
  }
  return byPid;
}

const newCgroup = (path: string): CgroupEntry => ({ path, processes: [], container: undefined });

function joinPods({ pods, workloads }: ClusterObjects): Map<string, PodEntry> {
  const byUid = new Map(workloads.map((workload) => [workload.metadata.uid, workload]));
  const entries = pods.map((object): PodEntry => {
    const { uid, name, namespace = '' } = object.metadata;
    return { uid, namespace, name, object, containers: [], owners: ownerChain(object, byUid) };
  });
  return new Map(entries.map((entry) => [entry.uid, entry]));
}

/** Controllers upwards; the visited ones guard against a circle of owners, which the API does not forbid. */
export function ownerChain(object: KubeObject, byUid: Map<string, KubeObject>): KubeObject[] {
  const chain: KubeObject[] = [];
  for (let owner = ownerOf(object, byUid); owner && !chain.includes(owner); owner = ownerOf(owner, byUid))
    chain.push(owner);
  return chain;
}

function ownerOf(object: KubeObject, byUid: Map<string, KubeObject>): KubeObject | undefined {
  const reference = controllerOf(object);
  return reference && byUid.get(reference.uid);
}

function joinContainers(
  cgroups: Map<string, CgroupEntry>,
  owners: Map<string, CgroupOwner>,
  pods: Map<string, PodEntry>,
): Map<string, Container> {
  const containers = new Map<string, Container>();
  for (const entry of cgroups.values()) {
    const found = owners.get(entry.path)?.container;
    if (!found) continue;
    const container = getOrMake(containers, found.id, () =>
      newContainer(found.id, {
        runtime: found.runtime,
        cluster: found.cluster,
        podUid: found.podUid,
        cgroup: entry.path,
        pod: found.podUid === undefined ? undefined : pods.get(found.podUid),
      }),
    );
    // A container may have cgroups below its own; the shortest path is its own.
    if (entry.path.length < container.cgroup.length) container.cgroup = entry.path;
    entry.container = container;
    for (const process of entry.processes) {
      process.container = container;
      container.processes.push(process);
    }
  }
  for (const pod of pods.values()) addStatuses(pod, containers);
  for (const container of containers.values()) {
    container.processes.sort((a, b) => a.pid - b.pid);
    container.pod?.containers.push(container);
  }
  for (const pod of pods.values()) sortContainers(pod);
  return containers;
}

function newContainer(id: string, known: Partial<Container>): Container {
  return {
    id,
    runtime: 'vitrine',
    cluster: undefined,
    podUid: undefined,
    pod: undefined,
    name: /-pause$|^pause-/.test(id) ? 'pause' : undefined,
    image: undefined,
    podName: undefined,
    cgroup: '',
    processes: [],
    first: undefined,
    monitor: undefined,
    ...known,
  };
}

/** Names and images, which only the API knows; and running containers that have no process that we saw. */
function addStatuses(pod: PodEntry, containers: Map<string, Container>): void {
  for (const status of statusesOf(pod.object)) {
    const id = status.containerID?.replace(/^[^:]+:\/\//, '');
    if (!id) continue;
    let container = containers.get(id);
    if (!container) {
      if (!status.state?.running) continue;
      container = newContainer(id, { podUid: pod.uid });
      containers.set(id, container);
    }
    container.pod = pod;
    container.name = status.name;
    container.image = status.image;
  }
}

/** As the Pod's spec orders them; those that it does not name come first: they hold its namespaces. */
function sortContainers(pod: PodEntry): void {
  const { initContainers = [], containers = [] } = pod.object.spec;
  const order = [...initContainers, ...containers].map(({ name }) => name);
  pod.containers.sort((a, b) => order.indexOf(a.name ?? '') - order.indexOf(b.name ?? ''));
}

function assignRoles(
  processes: Map<number, Process>,
  containers: Map<string, Container>,
  owners: Map<string, CgroupOwner>,
): void {
  for (const process of processes.values()) {
    if (process.container) continue;
    const watched = monitoredContainer(process.comm, process.cmdline) ?? owners.get(process.cgroup)?.monitorOf;
    if (watched !== undefined) {
      process.role = 'monitor';
      const container = containers.get(watched);
      process.watches = container;
      // conmon forks; the one that lives is the container's parent.
      if (container && (!container.monitor || container.processes.some(({ ppid }) => ppid === process.pid)))
        container.monitor = process;
    } else if (process.cmdline[0]?.startsWith('vitrine: ')) process.role = 'vitrine';
  }
  for (const container of containers.values()) {
    container.first = firstProcess(container);
    if (container.first) container.first.role = 'first';
  }
}

/** Names, images and Pods that the API did not tell, from the state that docker, containerd, podman and CRI-O keep. */
function describeForeign(containers: Map<string, Container>, read: JoinInput['readForeign']): void {
  for (const container of containers.values()) {
    if (container.runtime === 'vitrine' || !read) continue;
    const { id, runtime, monitor, first } = container;
    // A shim watches all containers of a Pod, but only the sandbox is named on its command line.
    const watcher = monitor ?? first?.parent;
    const found = read({ id, runtime, ...(watcher && { monitor: { pid: watcher.pid, cmdline: watcher.cmdline } }) });
    // Runtimes whose containers have no other name: LXC, nspawn, ctr.
    container.name ??= found?.name ?? (/^[0-9a-f]{64}$/.test(id) ? undefined : id);
    container.image ??= found?.image;
    container.podName = found?.pod;
  }
}

/**
 * The container's own command: it entered from outside, so its parent is not in the container. So did what `exec`
 * started later: the monitor's child is preferred, then pid 1 inside, then the oldest.
 */
export function firstProcess({ processes, monitor }: Container): Process | undefined {
  const entered = processes.filter(({ parent }) => !parent || parent.container !== processes[0]?.container);
  return entered.sort(
    (a, b) =>
      Number(b.ppid === monitor?.pid) - Number(a.ppid === monitor?.pid) ||
      Number(b.innerPid === 1) - Number(a.innerPid === 1) ||
      a.startTicks - b.startTicks ||
      a.pid - b.pid,
  )[0];
}

function joinNamespaces(processes: Map<number, Process>, readerPid = 1): Map<number, Namespace> {
  const namespaces = new Map<number, Namespace>();
  const host = hostNamespaces(processes, readerPid);
  for (const process of processes.values()) {
    for (const [kind, inode] of Object.entries(process.namespaces)) {
      const namespace = getOrMake(namespaces, inode, () => ({
        inode,
        kind,
        members: [],
        host: host.has(inode),
        containers: new Set<Container>(),
      }));
      namespace.members.push(process);
      if (process.container) namespace.containers.add(process.container);
    }
  }
  return namespaces;
}

/** Those of the first process; where that one hides them (it may even from root), those of the reader. */
function hostNamespaces(processes: Map<number, Process>, readerPid: number): Set<number> {
  const first = Object.values(processes.get(1)?.namespaces ?? {});
  return new Set(first.length > 0 ? first : Object.values(processes.get(readerPid)?.namespaces ?? {}));
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: (key: K) => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make(key);
    map.set(key, value);
  }
  return value;
}
