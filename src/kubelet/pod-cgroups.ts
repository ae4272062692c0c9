import fs from 'node:fs';
import { qosClassOf } from '../api/qos.ts';
import type { Linux } from '../linux/linux.ts';
import type { NodeContext } from './node-context.ts';
import type { PodRecord } from './pod-record.ts';
import { cpuShares, kubepods, podRequest } from './resources.ts';

/** Pods come in bursts; their class is weighed once for all of them, off the way of their start. */
const coalesceMs = 500;

/**
 * The tree that Pods' cgroups hang in: Guaranteed Pods in its root, the others in a cgroup for their class (kubelet
 * cm/qos_container_manager_linux.go).
 */
export async function makeCgroups(linux: Linux, cluster: string, memoryBytes: number): Promise<void> {
  const root = kubepods(cluster);
  await linux.cgroups.create(root, { memoryBytes });
  await linux.cgroups.create(`${root}/burstable`, { cpuShares: 2 });
  await linux.cgroups.create(`${root}/besteffort`, { cpuShares: 2 });
}

/** Only with cgroup v2, and only where the kernel accounts for swap. */
export const canLimitSwap = (cluster: string): boolean =>
  fs.existsSync(`/sys/fs/cgroup${kubepods(cluster)}/memory.swap.max`);

/**
 * Gives the Burstable Pods together the weight of what they ask for, so that a Guaranteed one does not push them all aside;
 * BestEffort ones weigh as little as can be.
 */
export class BurstableWeight {
  readonly #node: Pick<NodeContext, 'linux' | 'clock' | 'log' | 'paths'>;
  readonly #records: () => readonly PodRecord[];
  #shares = 2;
  #cancel: (() => void) | undefined;

  constructor(node: Pick<NodeContext, 'linux' | 'clock' | 'log' | 'paths'>, records: () => readonly PodRecord[]) {
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
    const { linux, log, paths } = this.#node;
    const shares = cpuShares(this.#records().reduce((sum, record) => sum + burstableCpu(record), 0));
    if (shares === this.#shares) return;
    try {
      await linux.cgroups.update(`${kubepods(paths.name)}/burstable`, { cpuShares: shares });
      this.#shares = shares;
    } catch (error) {
      log.warn('cannot weigh burstable pods', { error });
    }
  }
}

/** Thousandths of a CPU that a Burstable Pod asks for as long as it runs. */
function burstableCpu({ finished, allocatedPod: { spec } }: PodRecord): number {
  return finished || qosClassOf(spec) !== 'Burstable' ? 0 : podRequest(spec, 'cpu');
}
