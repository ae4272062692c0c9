import path from 'node:path';
import type { CgroupUsage } from '../../linux/linux.ts';
import type { InterfaceUse } from '../../linux/network-use.ts';
import { readNetworkUse } from '../../linux/network-use.ts';
import type { DiskUsage } from '../../linux/system-info.ts';
import { directoryBytes, diskOf } from '../disk-use.ts';
import type { NodeContext } from '../node-context.ts';
import { podDirs } from '../pod-files.ts';
import type { ReadyVolume } from '../volumes/volume.ts';
import { CpuRates } from './cpu-rates.ts';
import { type ContainerUse, type NodeUse, networkOf, type PodUse } from './usage.ts';

/** GET /stats/summary (kubelet pkg/apis/stats/v1alpha1): use of the node, of its Pods and of their containers. */
export class StatsSummary {
  readonly #node: NodeContext;
  readonly #rates = new CpuRates();

  constructor(node: NodeContext) {
    this.#node = node;
  }

  /** `onlyCpuAndMemory` spares the walk through directories. */
  async of(use: NodeUse, { onlyCpuAndMemory }: { onlyCpuAndMemory: boolean }): Promise<object> {
    const node = this.#node;
    const time = timeOf(use.atMs);
    const pods = await Promise.all(use.pods.map((pod) => this.#pod(pod, onlyCpuAndMemory)));
    this.#rates.forgetOlderThan(use.atMs);
    const { cpuNanoseconds, memoryBytes, workingSetBytes } = use;
    const cpu = { time, ...this.#cpu('', use.atMs, cpuNanoseconds) };
    const availableBytes = Math.max(0, node.machine.memoryBytes - workingSetBytes);
    const memory = { time, availableBytes, usageBytes: memoryBytes, workingSetBytes };
    const own = { nodeName: node.nodeName, startTime: timeOf(node.startedAtMs), cpu, memory };
    if (onlyCpuAndMemory) return { node: own, pods };
    const disk = fsStats(time, diskOf(node.paths.state));
    const images = fsStats(time, diskOf(node.paths.images));
    const network = networkStats(
      time,
      readNetworkUse('self').filter(({ name }) => !ofPods.test(name)),
    );
    return { node: { ...own, network, fs: disk, runtime: { imageFs: images, containerFs: disk } }, pods };
  }

  async #pod(pod: PodUse, onlyCpuAndMemory: boolean) {
    const { record, atMs, use } = pod;
    const { name, namespace, uid } = record.pod.metadata;
    const time = timeOf(atMs);
    const own = {
      podRef: { name, namespace, uid },
      startTime: record.pod.status?.startTime ?? timeOf(record.firstSeenMs),
      containers: pod.containers.map((one) => this.#container(one)),
      cpu: { time, ...this.#cpu(record.sandbox?.spec.cgroup ?? uid, atMs, use.cpuNanoseconds) },
      memory: { time, ...memoryStats(use) },
      swap: { time, swapUsageBytes: use.swapBytes },
      process_stats: { process_count: use.pids },
    };
    if (onlyCpuAndMemory) return own;
    const disk = diskOf(this.#node.paths.state);
    const containers = await Promise.all(
      own.containers.map(async (one, i) => ({ ...one, ...(await this.#disks(pod, pod.containers[i]!, disk)) })),
    );
    const volume = await this.#volumes(pod);
    const onDisk = containers.reduce((total, one) => total + one.rootfs.usedBytes + one.logs.usedBytes, 0);
    const scratch = volume.filter(({ ephemeral }) => ephemeral).reduce((total, one) => total + one.usedBytes, 0);
    return {
      ...own,
      containers,
      network: networkStats(time, networkOf(pod)),
      volume: volume.map(({ ephemeral: _, ...one }) => one),
      'ephemeral-storage': { ...fsStats(time, disk), usedBytes: onDisk + scratch },
    };
  }

  #container({ name, container, use, atMs }: ContainerUse) {
    const time = timeOf(atMs);
    return {
      name,
      startTime: timeOf(container.startedAtMs),
      cpu: { time, ...this.#cpu(container.cgroup || container.id, atMs, use.cpuNanoseconds) },
      memory: { time, ...memoryStats(use) },
      swap: { time, swapUsageBytes: use.swapBytes },
    };
  }

  async #disks({ record }: PodUse, { name, container, atMs }: ContainerUse, disk: DiskUsage) {
    const time = timeOf(atMs);
    const stats = await this.#node.runtime.stats(container.id);
    const logs = await directoryBytes(path.join(podDirs(this.#node.paths, record.pod).logs, name));
    return {
      rootfs: { ...fsStats(time, disk), usedBytes: stats?.writableBytes ?? 0 },
      logs: { ...fsStats(time, disk), usedBytes: logs },
    };
  }

  async #use(uid: string, volume: ReadyVolume, time: string) {
    const told = await this.#node.volumes.driverStats(uid, volume).catch(() => undefined);
    if (told) return driverStats(time, told);
    const disk = fsStats(time, diskOf(volume.hostPath));
    // A file system of its own has counted its files.
    return { ...disk, usedBytes: volume.csi ? disk.usedBytes : await directoryBytes(volume.hostPath) };
  }

  /** Volumes that are directories on this node; hostPath is not the Pod's own (stats/volume_stat_calculator.go). */
  async #volumes({ record, atMs }: PodUse) {
    const ready = this.#node.volumes.ready(record.uid);
    const own = (record.pod.spec.volumes ?? []).filter(({ name, hostPath }) => !hostPath && ready.has(name));
    return Promise.all(
      own.map(async ({ name, emptyDir, persistentVolumeClaim: claim }) => {
        const volume = ready.get(name)!;
        return {
          name,
          ...(await this.#use(record.uid, volume, timeOf(atMs))),
          ...(claim && { pvcRef: { name: claim.claimName, namespace: record.pod.metadata.namespace } }),
          ephemeral: emptyDir !== undefined && emptyDir.medium !== 'Memory',
        };
      }),
    );
  }

  #cpu(key: string, atMs: number, nanoseconds: number) {
    const usageNanoCores = this.#rates.of(key, atMs, nanoseconds);
    return { ...(usageNanoCores !== undefined && { usageNanoCores }), usageCoreNanoSeconds: nanoseconds };
  }
}

/** Host ends of Pods' links, ours and others': their traffic is the Pods' (cadvisor container/common isIgnoredDevice). */
const ofPods = /^(vt|vb|veth|docker)/;

const timeOf = (ms: number) => new Date(ms).toISOString();

function memoryStats({
  memoryBytes,
  workingSetBytes,
  rssBytes,
  pageFaults,
  majorPageFaults,
  memoryLimitBytes,
}: CgroupUsage) {
  return {
    ...(memoryLimitBytes !== undefined && { availableBytes: Math.max(0, memoryLimitBytes - workingSetBytes) }),
    usageBytes: memoryBytes,
    ...{ workingSetBytes, rssBytes, pageFaults, majorPageFaults },
  };
}

/** A driver's words, where it has some. */
function driverStats(time: string, { bytes, inodes }: NonNullable<DriverStats>) {
  return {
    time,
    ...(bytes && { availableBytes: bytes.available, capacityBytes: bytes.total }),
    usedBytes: bytes?.used ?? 0,
    ...(inodes && { inodesFree: inodes.available, inodes: inodes.total, inodesUsed: inodes.used }),
  };
}

type DriverStats = Awaited<ReturnType<NodeContext['volumes']['driverStats']>>;

function fsStats(time: string, { availableBytes, capacityBytes, usedBytes, inodes, inodesFree }: DiskUsage) {
  return { time, availableBytes, capacityBytes, usedBytes, inodesFree, inodes, inodesUsed: inodes - inodesFree };
}

function networkStats(time: string, interfaces: InterfaceUse[]) {
  const shown = interfaces.map(({ name, rxBytes, rxErrors, txBytes, txErrors }) => ({
    ...{ name, rxBytes, rxErrors, txBytes, txErrors },
  }));
  const main = shown.find(({ name }) => name === 'eth0') ?? shown[0];
  return { time, ...main, interfaces: shown };
}
