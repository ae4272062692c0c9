import type {
  ContainerStatus,
  Event,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Service,
} from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { NetworkPolicy } from '../../api/generated/networking-v1.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { controllerOf } from '../../api/object.ts';

/** What a diagnosis knows: objects as the API shows them, and a few facts of the host. Plain data, so that tests make it up. */
export interface WhyFacts {
  nowMs: number;
  /** Of all namespaces: what is used on a node is asked of them. */
  pods: Pod[];
  nodes: Node[];
  services: Service[];
  /** Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs. */
  workloads: KubeObject[];
  events: Event[];
  endpointSlices: EndpointSlice[];
  claims: PersistentVolumeClaim[];
  volumes: PersistentVolume[];
  storageClasses: StorageClass[];
  networkPolicies: NetworkPolicy[];
  /** 'ConfigMap default/settings', 'Secret …', 'ServiceAccount …' that a Pod refers to and that are not there. */
  missing: Set<string>;
  /** Last lines by '<pod uid>/<container>'. */
  logs: Map<string, string[]>;
  /** Memory now by '<pod uid>/<container>'; absent where the container does not run on this host. */
  memory: Map<string, { useBytes: number; limitBytes: number | undefined; oomKills: number }>;
  /** TCP sockets that listen inside a Pod, by its uid; absent where its processes cannot be seen. */
  listening: Map<string, { address: string; port: number }[]>;
  /** What could not be read, and why. */
  unseen: string[];
}

export function noFacts(nowMs: number): WhyFacts {
  return {
    nowMs,
    pods: [],
    nodes: [],
    services: [],
    workloads: [],
    events: [],
    endpointSlices: [],
    claims: [],
    volumes: [],
    storageClasses: [],
    networkPolicies: [],
    missing: new Set(),
    logs: new Map(),
    memory: new Map(),
    listening: new Map(),
    unseen: [],
  };
}

/** 'Pod default/web-1', 'Node n1'. */
export function describe({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.namespace ? `${metadata.namespace}/` : ''}${metadata.name}`;
}

/** Events about an object, the newest first. */
export function eventsOf(facts: WhyFacts, object: KubeObject): Event[] {
  const { uid, name, namespace } = object.metadata;
  return facts.events
    .filter(({ involvedObject: its }) =>
      its.uid && uid && object.kind !== 'Node'
        ? its.uid === uid
        : its.kind === object.kind && its.name === name && (its.namespace ?? '') === (namespace ?? its.namespace ?? ''),
    )
    .sort((a, b) => eventTime(b) - eventTime(a));
}

export function eventTime({ series, lastTimestamp, eventTime, metadata }: Event): number {
  return Date.parse(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp) || 0;
}

/** 'event Failed (12 times, 30 s ago): message'. */
export function describeEvent(event: Event, nowMs: number): string {
  const count = event.series?.count ?? event.count ?? 1;
  const times = count > 1 ? `${count} times, ` : '';
  return `event ${event.reason} (${times}${duration(nowMs - eventTime(event))} ago): ${oneLine(event.message)}`;
}

export const oneLine = (text = ''): string => text.trim().replace(/\s*\n\s*/g, ' ');

/** '45s', '12m', '3h', '2d'. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}

/** Pods that the object controls, directly or through a ReplicaSet or Job. */
export function podsOwnedBy(facts: WhyFacts, object: KubeObject): Pod[] {
  const uids = new Set([object.metadata.uid]);
  for (const workload of facts.workloads)
    if (uids.has(controllerOf(workload)?.uid ?? '-')) uids.add(workload.metadata.uid);
  return facts.pods.filter((pod) => uids.has(controllerOf(pod)?.uid ?? '-'));
}

export interface NamedStatus {
  /** 'container', 'init container'. */
  role: string;
  status: ContainerStatus;
}

export function containerStatuses(pod: Pod): NamedStatus[] {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
  return [
    ...initContainerStatuses.map((status) => ({ role: 'init container', status })),
    ...containerStatuses.map((status) => ({ role: 'container', status })),
    ...ephemeralContainerStatuses.map((status) => ({ role: 'ephemeral container', status })),
  ];
}

export function containerSpec(pod: Pod, name: string) {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find((container) => container.name === name);
}

/** The known name that is most like the wanted one; undefined when none is alike. */
export function similarName(wanted: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const name of known) {
    const distance = editDistance(wanted, name);
    if (distance < bestDistance && distance > 0) [best, bestDistance] = [name, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
