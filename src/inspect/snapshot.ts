import os from 'node:os';
import type { Node, Pod, Service } from '../api/generated/core-v1.ts';
import type { KubeObject } from '../api/object.ts';
import type { Client } from '../client/client.ts';
import {
  type CgroupReader,
  type CgroupReading,
  openCgroupReader,
  type Pressure,
  type Pressures,
} from '../linux/cgroup-reader.ts';
import { readForeignContainer } from '../linux/foreign-containers.ts';
import { type ProcessInfo, readProcess, readProcesses, type ThreadInfo } from '../linux/proc.ts';
import { type ProcessDetails, readDetails, readPss } from '../linux/proc-details.ts';
import { readBootTime } from '../linux/system-info.ts';
import { type ClusterObjects, listObjects, noObjects } from './cluster-objects.ts';
import { joinSnapshot } from './join.ts';
import { rulesOfNodes } from './node-rules.ts';
import type { ContainerRuntime } from './recognise-cgroup.ts';
import { isSelected } from './resolve.ts';
import type { NftObject } from './service-rules.ts';
import { readUsers } from './users.ts';

/** What one process is asked for on demand, as it costs some files each: executable, files against their limit, PSS. */
export { type ProcessDetails, readDetails, readPss };

export interface SnapshotOptions {
  /** API of a cluster; without it Pods are known by uid only. */
  client?: Client;
  /** Every thread, not only how many. */
  threads?: boolean;
  /** What is asked of the API: Pods, or everything that a tree is made of. @default 'pods' */
  objects?: 'pods' | 'all';
  /** What a watch knows already, instead of asking the API; a Pod that is not in it is asked for if there is a client. */
  known?: ClusterObjects;
}

/**
 * One picture of the host: processes, namespaces, cgroups, containers and the objects of a cluster, joined. What ended
 * while it was taken is not in it; a process is named by its pid and start time.
 */
export interface Snapshot {
  takenAtMs: number;
  host: HostFacts;
  /** By pid. */
  processes: Map<number, Process>;
  /** By id. With a client also those of its Pods that have no process now. */
  containers: Map<string, Container>;
  /** By inode number. */
  namespaces: Map<number, Namespace>;
  /** By path; the cgroups that have processes. */
  cgroups: Map<string, CgroupEntry>;
  /** By uid. */
  pods: Map<string, PodEntry>;
  objects: ClusterObjects;
  /** Use and limits now, read when asked for. */
  readCgroup: CgroupReader['read'];
  /** How long its tasks waited for CPU, memory and IO; without a path: those of the machine. */
  readPressure: CgroupReader['readPressure'];
  /**
   * What nftables does in the network of a node; without one, in the reader's. undefined when it may not be seen, or the
   * node is another machine. Read at the first call.
   */
  readRules(node?: Node): NftObject[] | undefined;
}

/** The threads of a process of a snapshot that was taken without them; undefined when it has ended since. */
export function readThreads({ pid, startTicks }: Process): ThreadInfo[] | undefined {
  const now = readProcess(pid, { threads: true });
  return now?.startTicks === startTicks ? now.threads : undefined;
}

/** The Services that select a Pod; needs objects: 'all'. */
export function servicesOf(pod: PodEntry | undefined, { services }: ClusterObjects): Service[] {
  return pod ? services.filter((service) => isSelected(pod, service)) : [];
}

export type Thread = ThreadInfo;
export type CgroupUse = CgroupReading;
export type { Pressure, Pressures };

export interface HostFacts {
  hostname: string;
  bootTimeMs: number;
  uptimeMs: number;
  cpus: number;
  memoryBytes: number;
  cgroups: 'v1' | 'hybrid' | 'v2';
}

export interface Process extends ProcessInfo {
  user: string;
  /** Milliseconds since the epoch, to the second, as the kernel counts from boot. */
  startedAtMs: number;
  /** Path in the hierarchy that says whose it is. */
  cgroup: string;
  parent: Process | undefined;
  children: Process[];
  container: Container | undefined;
  /** 'first': the container's own command; 'monitor': watches a container from outside; 'vitrine': a cluster's own process. */
  role: 'first' | 'monitor' | 'vitrine' | undefined;
  /** The container that a monitor watches, while it has processes or the API knows it. */
  watches: Container | undefined;
  /** systemd unit, if it is in one. */
  unit: string | undefined;
  package: string | undefined;
}

export interface Container {
  id: string;
  runtime: ContainerRuntime;
  /** Vitrine's cluster. */
  cluster: string | undefined;
  podUid: string | undefined;
  /** Absent when the API was not asked, or does not know the Pod. */
  pod: PodEntry | undefined;
  /** Name in the Pod; 'pause' for the one that holds a shared PID namespace. */
  name: string | undefined;
  image: string | undefined;
  /** 'namespace/name' of the Pod as the state of a foreign runtime has it. */
  podName: string | undefined;
  cgroup: string;
  /** In order of pid. */
  processes: Process[];
  first: Process | undefined;
  monitor: Process | undefined;
}

export interface Namespace {
  inode: number;
  kind: string;
  members: Process[];
  /** Whether the host's first process is in it (the reader, where that cannot be seen). */
  host: boolean;
  /** Containers with a process in it. */
  containers: Set<Container>;
}

export interface CgroupEntry {
  path: string;
  processes: Process[];
  container: Container | undefined;
}

export interface PodEntry {
  uid: string;
  namespace: string;
  name: string;
  object: Pod;
  containers: Container[];
  /** Controllers from the nearest to the farthest: ReplicaSet, Deployment. Only with objects: 'all'. */
  owners: KubeObject[];
}

export async function readSnapshot(options: SnapshotOptions = {}): Promise<Snapshot> {
  const { client } = options;
  let objects = options.known ?? (client ? await listObjects(client, options.objects ?? 'pods') : noObjects());
  const cgroups = openCgroupReader();
  const processes = readProcesses({ threads: options.threads ?? false });
  const host = readHost(cgroups);
  const join = () =>
    joinSnapshot({
      ...{ host, processes, users: readUsers(), objects, readCgroup: cgroups.read, readerPid: process.pid },
      readPressure: cgroups.readPressure,
      readRules: rulesOfNodes(),
      readForeign: readForeignContainer,
    });
  const snapshot = join();
  // A Pod that came after the list: its container is here, so ask once more.
  if (!client || !hasUnknownPod(snapshot)) return snapshot;
  objects = await listObjects(client, options.objects ?? 'pods');
  return join();
}

function readHost(cgroups: CgroupReader): HostFacts {
  return {
    hostname: os.hostname(),
    bootTimeMs: readBootTime() * 1000,
    uptimeMs: os.uptime() * 1000,
    cpus: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    cgroups: cgroups.version,
  };
}

function hasUnknownPod(snapshot: Snapshot): boolean {
  const clusters = new Set<string | undefined>();
  for (const container of snapshot.containers.values()) if (container.pod) clusters.add(container.cluster);
  for (const container of snapshot.containers.values())
    if (container.runtime === 'vitrine' && !container.pod && (clusters.size === 0 || clusters.has(container.cluster)))
      return true;
  return false;
}
