import type { Pod, Service } from '../api/generated/core-v1.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Client } from '../client/client.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { Lister } from '../client/informer.ts';
import type { Linux } from '../linux/linux.ts';
import type { PodIsolation, PodNetwork } from '../network/network.ts';
import type { ClusterPaths } from '../paths.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { NodeUse } from './admit-pod.ts';
import type { KubeletConfiguration } from './configuration.ts';
import type { CrashLoop } from './crash-loop.ts';
import type { PodFacts } from './env/field-ref.ts';
import type { ImageManager } from './images/image-manager.ts';
import type { Limiter } from './limiter.ts';
import type { ObjectCache } from './object-cache.ts';
import type { HostResolver } from './pod-files.ts';
import { fieldPath, type PodRecord } from './pod-record.ts';
import type { ProbeManager } from './probes/probe-manager.ts';
import type { StatusManager } from './status/status-manager.ts';
import type { UserNamespaces } from './user-namespaces.ts';
import type { VolumeManager } from './volumes/volume-manager.ts';

/** The parts of the node that the work on one Pod needs; built once in kubelet.ts. */
export interface NodeContext {
  client: Client;
  events: EventRecorder;
  runtime: Runtime;
  network: PodNetwork;
  /** Absent where no NetworkPolicies are enforced. */
  isolation?: PodIsolation;
  linux: Linux;
  clock: Clock;
  log: Logger;
  paths: ClusterPaths;
  configuration: KubeletConfiguration;
  /** How many Pods were evicted, by eviction signal. */
  evictions: Map<string, number>;
  /** What the node has promised to all Pods but this one. */
  use(record: PodRecord): NodeUse;
  services: Lister<Service> & { whenSynced(): Promise<void> };
  nodeName: string;
  nodeAddress: string;
  /** Milliseconds since the epoch: from then on this kubelet counts. */
  startedAtMs: number;
  dnsServiceIp: string;
  clusterDomain: string;
  hostResolver(): Promise<HostResolver>;
  /** Swap only where what a container may use of it can be limited. */
  machine: { memoryBytes: number; cpus: number; swapBytes?: number; hugepages?: Record<string, number> };
  allocatable: PodFacts['allocatable'];
  status: StatusManager;
  probes: ProbeManager;
  volumes: VolumeManager;
  images: ImageManager;
  objects: ObjectCache;
  crashLoop: CrashLoop;
  userNamespaces: UserNamespaces;
  /** Bounds how many sandboxes and containers are being made at once. */
  starts: Limiter;
}

export function podFacts(node: NodeContext, record: PodRecord): PodFacts {
  const podIPs = record.podIPs.length ? record.podIPs : record.pod.spec.hostNetwork ? [node.nodeAddress] : [];
  return { podIPs, hostIP: node.nodeAddress, nodeName: node.nodeName, allocatable: node.allocatable };
}

/** An Event about a container of a Pod. */
export function containerEvent(
  node: NodeContext,
  pod: Pod,
  container: string,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
): void {
  node.events.event(pod, type, reason, message, { fieldPath: fieldPath(pod, container) });
}
