import fs from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { PodSpec } from '../api/generated/core-v1.ts';
import { qosClassOf } from '../api/qos.ts';
import type { CgroupLimits, Linux } from '../linux/linux.ts';
import type { KubeletConfiguration } from './configuration.ts';
import { classMemoryQos, podMemoryQos } from './memory-qos.ts';
import type { NodeContext } from './node-context.ts';
import type { PodRecord } from './pod-record.ts';
import { cpuShares, kubepods, podLimits, podRequest } from './resources.ts';

/** Pods come in bursts; their class is weighed once for all of them, off the way of their start. */
const coalesceMs = 500;

/**
 * The tree that Pods' cgroups hang in: Guaranteed Pods in its root, the others in a cgroup for their class (kubelet
 * cm/qos_container_manager_linux.go).
 */
export async function makeCgroups(linux: Linux, nodeCgroup: string, memoryBytes: number): Promise<void> {
  const root = kubepods(nodeCgroup);
  await linux.cgroups.create(root, { memoryBytes });
  await linux.cgroups.create(`${root}/burstable`, { cpuShares: 2 });
  await linux.cgroups.create(`${root}/besteffort`, { cpuShares: 2 });
}

/** Only with cgroup v2, and only where the kernel accounts for swap. */
export const canLimitSwap = (nodeCgroup: string): boolean =>
  fs.existsSync(`/sys/fs/cgroup${kubepods(nodeCgroup)}/memory.swap.max`);

/** Limits of a Pod's cgroup on this node. */
export function podCgroupLimits({ podPidsLimit, memoryQos }: KubeletConfiguration, spec: PodSpec): CgroupLimits {
  return { ...podLimits(spec, podPidsLimit), ...(memoryQos && podMemoryQos(spec, memoryQos)) };
}

type Node = Pick<NodeContext, 'linux' | 'clock' | 'log' | 'paths' | 'configuration'>;

/**
 * Gives the Burstable Pods together the weight of what they ask for, so that a Guaranteed one does not push them all aside;
 * BestEffort ones weigh as little as can be. Memory that is kept for Pods is kept for their class, too.
 */
export class BurstableWeight {
  readonly #node: Node;
  readonly #records: () => readonly PodRecord[];
  /** Limits as they were written last, by cgroup. */
  readonly #written = new Map<string, CgroupLimits>();
  #cancel: (() => void) | undefined;

  constructor(node: Node, records: () => readonly PodRecord[]) {
    this.#node = node;
    this.#records = records;
  }

  /** A Pod has come, gone or changed. */
  changed(): void {
    this.#cancel ??= this.#node.clock.after(coalesceMs, () => {
      this.#cancel = undefined;
      void this.#update();
    });
  }

  stop(): void {
    this.#cancel?.();
  }

  async #update(): Promise<void> {
    const { paths, configuration } = this.#node;
    const records = this.#records();
    const shares = cpuShares(records.reduce((sum, record) => sum + burstableCpu(record), 0));
    const specs = records.flatMap(({ finished, allocatedPod }) => (finished ? [] : [allocatedPod.spec]));
    const memory = configuration.memoryQos && classMemoryQos(specs, configuration.memoryQos);
    const root = kubepods(paths.cgroup);
    await this.#write(root, { ...memory?.all });
    await this.#write(`${root}/burstable`, { cpuShares: shares, ...memory?.burstable });
  }

  async #write(cgroup: string, limits: CgroupLimits): Promise<void> {
    if (isDeepStrictEqual(this.#written.get(cgroup) ?? {}, limits)) return;
    try {
      await this.#node.linux.cgroups.update(cgroup, limits);
      this.#written.set(cgroup, limits);
    } catch (error) {
      this.#node.log.warn('cannot weigh pods', { cgroup, error });
    }
  }
}

/** Thousandths of a CPU that a Burstable Pod asks for as long as it runs. */
function burstableCpu({ finished, allocatedPod: { spec } }: PodRecord): number {
  return finished || qosClassOf(spec) !== 'Burstable' ? 0 : podRequest(spec, 'cpu');
}
