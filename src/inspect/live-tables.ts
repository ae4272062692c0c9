import type { ContainerStatus, Node, Pod, Service } from '../api/generated/core-v1.ts';
import type { KubeObject } from '../api/object.ts';
import type { Health, LiveContainer, LiveHost, LiveObject, LiveProcess, LiveThread, LiveUse } from './live-types.ts';
import { podPhase, statusesOf } from './pod-phase.ts';
import { isSelected } from './resolve.ts';
import type { Container, PodEntry, Process, Snapshot } from './snapshot.ts';

export interface LiveTables {
  objects: LiveObject[];
  containers: LiveContainer[];
  processes: LiveProcess[];
}

/** A snapshot as the page gets it. */
export function liveTables(snapshot: Snapshot): LiveTables {
  const { services, workloads, nodes } = snapshot.objects;
  return {
    objects: [
      ...nodes.map((node) => withFacts(node, nodeFacts(node))),
      ...services.map((service) => withFacts(service, serviceFacts(service, snapshot))),
      ...workloads.map((workload) => withFacts(workload, workloadFacts(workload))),
      ...[...snapshot.pods.values()].map(({ object }) => withFacts(object, podFacts(object))),
    ],
    containers: [
      ...[...snapshot.containers.values()].map((container) => liveContainer(container, snapshot)),
      ...[...snapshot.pods.values()].flatMap(absentContainers),
    ],
    processes: [...snapshot.processes.values()].map(liveProcess),
  };
}

export function liveHost({ host }: Snapshot, cluster: string): LiveHost {
  const { hostname, cpus, memoryBytes, bootTimeMs, cgroups } = host;
  return { hostname, cluster, cpus, memoryBytes, bootTimeMs, cgroups };
}

type Facts = Pick<LiveObject, 'status' | 'health' | 'wanted' | 'node' | 'selects' | 'addresses'>;

function withFacts(object: KubeObject, facts: Facts): LiveObject {
  const { uid, name, namespace = '', creationTimestamp, ownerReferences } = object.metadata;
  const owner = ownerReferences?.find(({ controller }) => controller)?.uid;
  return {
    id: uid,
    kind: object.kind,
    namespace,
    name,
    createdAtMs: Date.parse(creationTimestamp),
    ...(owner !== undefined && { owner }),
    path: apiPath(object),
    ...facts,
  };
}

/** Plurals of these kinds are regular. */
function apiPath({ apiVersion, kind, metadata }: KubeObject): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
  return `${group}${scope}/${kind.toLowerCase()}s/${metadata.name}`;
}

function nodeFacts({ status }: Node): Facts {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  const addresses = (status?.addresses ?? []).map(({ address }) => address);
  return { status: ready ? 'Ready' : 'NotReady', health: ready ? 'good' : 'bad', addresses };
}

function serviceFacts(service: Service, snapshot: Snapshot): Facts {
  const { spec, status } = service;
  const selected = [...snapshot.pods.values()].filter((pod) => isSelected(pod, service));
  const outside = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '');
  const ports = (spec.ports ?? []).map(({ port, protocol = 'TCP' }) => `${port}/${protocol}`).join(', ');
  const ready = selected.filter(({ object }) => podHealth(object) === 'good').length;
  const wantsPods = Object.keys(spec.selector ?? {}).length > 0;
  return {
    status: `${spec.type ?? 'ClusterIP'}${ports ? ` ${ports}` : ''}`,
    health: !wantsPods ? 'idle' : ready > 0 ? 'good' : selected.length > 0 ? 'progress' : 'bad',
    selects: selected.map(({ uid }) => uid),
    addresses: [...outside, ...(spec.clusterIPs ?? []).filter((ip) => ip !== 'None')],
  };
}

/** The fields that the kinds of workloads count in. */
interface WorkloadFields {
  spec?: { replicas?: number; completions?: number; suspend?: boolean };
  status?: {
    readyReplicas?: number;
    numberReady?: number;
    desiredNumberScheduled?: number;
    succeeded?: number;
    failed?: number;
    active?: unknown;
  };
}

function workloadFacts(workload: KubeObject): Facts {
  const { spec, status } = workload as KubeObject & WorkloadFields;
  switch (workload.kind) {
    case 'Job': {
      const wanted = spec?.completions ?? 1;
      const done = status?.succeeded ?? 0;
      const health = done >= wanted ? 'idle' : (status?.failed ?? 0) > 0 && !status?.active ? 'bad' : 'progress';
      return { status: `${done}/${wanted}`, health };
    }
    case 'CronJob':
      return { status: spec?.suspend ? 'Suspended' : 'Scheduled', health: 'idle' };
    case 'DaemonSet':
      return counted(status?.numberReady ?? 0, status?.desiredNumberScheduled ?? 0);
    default: {
      const wanted = spec?.replicas ?? 1;
      return { ...counted(status?.readyReplicas ?? 0, wanted), wanted };
    }
  }
}

function counted(ready: number, wanted: number): Facts {
  return { status: `${ready}/${wanted}`, health: wanted === 0 ? 'idle' : ready >= wanted ? 'good' : 'progress' };
}

function podFacts(pod: Pod): Facts {
  const { nodeName } = pod.spec;
  return {
    status: podPhase(pod),
    health: podHealth(pod),
    ...(nodeName !== undefined && { node: nodeName }),
    addresses: (pod.status?.podIPs ?? []).map(({ ip }) => ip),
  };
}

function podHealth(pod: Pod): Health {
  const phase = podPhase(pod);
  if (phase === 'Succeeded' || phase === 'Completed') return 'idle';
  if (phase === 'Pending') {
    const unschedulable = pod.status?.conditions?.some(({ reason }) => reason === 'Unschedulable');
    return unschedulable ? 'bad' : 'progress';
  }
  if (phase === 'Terminating') return 'progress';
  if (phase !== 'Running') return 'bad';
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  return ready ? 'good' : 'progress';
}

function liveContainer(container: Container, snapshot: Snapshot): LiveContainer {
  const { id, pod, name, image, runtime, cgroup } = container;
  const status = pod && statusesOf(pod.object).find((one) => one.containerID?.endsWith(id));
  const use = container.runtime === 'vitrine' && cgroup ? snapshot.readCgroup(cgroup) : undefined;
  return {
    id,
    ...(pod && { pod: pod.uid }),
    name: name ?? id.slice(0, 12),
    image: image ?? '',
    runtime: container.cluster && !pod ? `${runtime} ${container.cluster}` : runtime,
    ...stateOf(status, container.processes.length > 0),
    restarts: status?.restartCount ?? 0,
    running: container.processes.length > 0,
    init: isInit(pod, name),
    cgroup,
    ...(use && { use: onlyDefined(use) }),
  };
}

const isInit = (pod: PodEntry | undefined, name: string | undefined): boolean =>
  !!pod?.object.spec.initContainers?.some((container) => container.name === name);

/** Containers that the Pod has, or is to have, without a process now: waiting, crashed, done. */
function absentContainers(pod: PodEntry): LiveContainer[] {
  const { initContainers = [], containers = [] } = pod.object.spec;
  const present = new Set(pod.containers.map(({ name }) => name));
  // One that runs already, but whose name the Pod's status does not tell yet, may be any of them.
  if (present.has(undefined)) return [];
  const statuses = new Map(statusesOf(pod.object).map((status) => [status.name, status]));
  return [...initContainers, ...containers].flatMap(({ name, image = '' }) => {
    if (present.has(name)) return [];
    const status = statuses.get(name);
    const init = isInit(pod, name);
    // An init container that has done its work is of no more interest.
    if (init && status?.state?.terminated?.exitCode === 0) return [];
    return [
      {
        id: `${pod.uid}/${name}`,
        pod: pod.uid,
        name,
        image,
        runtime: 'vitrine',
        ...stateOf(status, false),
        restarts: status?.restartCount ?? 0,
        running: false,
        init,
        cgroup: '',
      },
    ];
  });
}

function stateOf(status: ContainerStatus | undefined, hasProcesses: boolean): Pick<LiveContainer, 'status' | 'health'> {
  const { waiting, terminated } = status?.state ?? {};
  if (terminated && !hasProcesses)
    return {
      status: terminated.reason ?? `exit ${terminated.exitCode}`,
      health: terminated.exitCode === 0 ? 'idle' : 'bad',
    };
  if (waiting && !hasProcesses) {
    const usual = waiting.reason === 'ContainerCreating' || waiting.reason === 'PodInitializing';
    return { status: waiting.reason ?? 'Waiting', health: usual ? 'progress' : 'bad' };
  }
  if (!hasProcesses) return { status: 'Waiting', health: 'progress' };
  return { status: 'Running', health: !status || status.ready ? 'good' : 'progress' };
}

function onlyDefined(use: NonNullable<ReturnType<Snapshot['readCgroup']>>): LiveUse {
  const { memoryBytes, workingSetBytes, memoryLimitBytes, cpuNanoseconds, throttledNanoseconds } = use;
  const { cpuLimit, pids, pidsLimit, oomKills } = use;
  return {
    memoryBytes,
    workingSetBytes,
    cpuNanoseconds,
    throttledNanoseconds,
    pids,
    oomKills,
    ...(memoryLimitBytes !== undefined && { memoryLimitBytes }),
    ...(cpuLimit !== undefined && { cpuLimit }),
    ...(pidsLimit !== undefined && { pidsLimit }),
  };
}

/** A command line may be megabytes long; the page shows its beginning. */
const longestCommand = 400;

function liveProcess(process: Process): LiveProcess {
  const { pid, startTicks, container, watches, role, unit } = process;
  return {
    id: `p${pid}.${startTicks}`,
    pid,
    ppid: process.ppid,
    innerPid: process.innerPid,
    ...(container && { container: container.id }),
    ...(watches && { watches: watches.id }),
    ...(role && { role }),
    name: process.comm,
    command: process.cmdline.join(' ').slice(0, longestCommand),
    state: process.state,
    cpuTicks: process.userTicks + process.systemTicks,
    rssBytes: process.rssBytes,
    user: process.user,
    startedAtMs: process.startedAtMs,
    ...(unit !== undefined && { unit }),
    cgroup: process.cgroup,
    namespaces: process.namespaces,
    threads: (process.threads ?? []).map(
      (thread): LiveThread => [
        thread.tid,
        thread.startTicks,
        thread.state,
        thread.userTicks + thread.systemTicks,
        thread.comm,
      ],
    ),
  };
}
