import type { CgroupUsage } from '../../linux/linux.ts';
import { type InterfaceUse, readNetworkUse } from '../../linux/network-use.ts';
import { readSystemUsage } from '../../linux/system-info.ts';
import type { Container } from '../../runtime/runtime.ts';
import { containerNameOf } from '../labels.ts';
import type { NodeContext } from '../node-context.ts';
import type { PodRecord } from '../pod-record.ts';

/** What the node, its Pods and their containers use, read from cgroups at one moment: all of this kubelet's statistics. */
export interface NodeUse {
  atMs: number;
  cpuNanoseconds: number;
  memoryBytes: number;
  workingSetBytes: number;
  pods: PodUse[];
}

export interface PodUse {
  record: PodRecord;
  name: string;
  namespace: string;
  atMs: number;
  /** Of the Pod's own cgroup, which holds all its containers. */
  use: CgroupUsage;
  containers: ContainerUse[];
}

export interface ContainerUse {
  name: string;
  container: Container;
  atMs: number;
  use: CgroupUsage;
}

/** Reads the cgroups of all Pods that have a sandbox. One that ends meanwhile is left out. */
export async function readUse(node: NodeContext, records: readonly PodRecord[]): Promise<NodeUse> {
  const pods = await Promise.all(records.map((record) => readPod(node, record)));
  const { cpuNanoseconds, memoryBytes, workingSetBytes } = readSystemUsage();
  return {
    atMs: node.clock.now(),
    cpuNanoseconds,
    memoryBytes,
    workingSetBytes,
    pods: pods.filter((pod) => pod !== undefined),
  };
}

async function readPod(node: NodeContext, record: PodRecord): Promise<PodUse | undefined> {
  const { sandbox, pod } = record;
  if (!sandbox || record.gone) return undefined;
  const usage = (cgroup: string) => node.linux.cgroups.usage(cgroup).catch(() => undefined);
  const running = record.allContainers(node.runtime).filter(({ state }) => state === 'running');
  const [use, ...found] = await Promise.all([
    usage(sandbox.spec.cgroup),
    ...running.map(async (container) => ({ container, use: await usage(container.cgroup) })),
  ]);
  if (!use || running.length === 0) return undefined;
  const atMs = node.clock.now();
  const containers = found.flatMap(({ container, use: own }) =>
    own ? [{ name: containerNameOf(container), container, atMs, use: own }] : [],
  );
  const { name, namespace = '' } = pod.metadata;
  return { record, name, namespace, atMs, use, containers };
}

/** Traffic of a Pod's network; none for one on the host's. */
export function networkOf({ record, containers }: PodUse): InterfaceUse[] {
  const pid = containers[0]?.container.pid;
  return pid === undefined || record.pod.spec.hostNetwork ? [] : readNetworkUse(pid);
}
