import type { Container, Pod, PodSpec } from '../api/generated/core-v1.ts';
import { qosClassOf } from '../api/qos.ts';
import type { CgroupLimits } from '../linux/linux.ts';
import type { ContainerResources } from '../runtime/runtime.ts';
import { systemCriticalPriority } from './critical-pod.ts';
import { milliValue, wholeValue } from './quantity.ts';
import { isSidecar } from './restart-policy.ts';

/** '<cgroup of the node>/kubepods/burstable/pod<uid>': the tree by QoS (kubelet cm/qos_container_manager). */
export function podCgroup(nodeCgroup: string, pod: Pod): string {
  const qos = qosClassOf(pod.spec);
  const middle = qos === 'Guaranteed' ? '' : `/${qos.toLowerCase()}`;
  return `${kubepods(nodeCgroup)}${middle}/pod${pod.metadata.uid}`;
}

export const kubepods = (nodeCgroup: string): string => `${nodeCgroup}/kubepods`;

const cpuPeriod = 100_000;
/** cpu.shares of so many thousandths of a CPU; the kernel's least is 2 (cm/helpers_linux.go MilliCPUToShares). */
export const cpuShares = (milli: number): number => Math.min(262_144, Math.max(2, Math.floor((milli * 1024) / 1000)));
const cpuQuota = (milli: number): number => Math.max(1000, Math.floor((milli * cpuPeriod) / 1000));

/** Limits of the Pod's own cgroup (cm/helpers_linux.go ResourceConfigForPod); those of the Pod as a whole first (KEP-2837). */
export function podLimits(spec: PodSpec, pids = -1): CgroupLimits {
  const limits: CgroupLimits = { cpuShares: cpuShares(podRequest(spec, 'cpu')) };
  if (pids > 0) limits.pids = pids;
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  const limited = (name: string) =>
    milliValue(spec.resources?.limits?.[name]) > 0 ||
    all.every(({ resources }) => milliValue(resources?.limits?.[name]) > 0);
  if (limited('cpu')) Object.assign(limits, { cpuQuota: cpuQuota(podTotal(spec, 'cpu', 'limits')), cpuPeriod });
  if (limited('memory')) limits.memoryBytes = podTotal(spec, 'memory', 'limits');
  return limits;
}

/** What the Pod asks for: CPU in thousandths, everything else in whole units (component-helpers resource PodRequests). */
export const podRequest = (spec: PodSpec, name: string): number => podTotal(spec, name, 'requests');

/** What the Pod may use at most; 0 without a limit. */
export const podLimit = (spec: PodSpec, name: string): number => podTotal(spec, name, 'limits');

function podTotal(spec: PodSpec, name: string, which: 'requests' | 'limits'): number {
  const measure = name === 'cpu' ? milliValue : wholeValue;
  const own = spec.resources?.[which]?.[name];
  const of = ({ resources }: Container) => measure(resources?.[which]?.[name]);
  let sidecars = 0;
  let peak = 0;
  for (const container of spec.initContainers ?? []) {
    if (isSidecar(container)) sidecars += of(container);
    peak = Math.max(peak, sidecars + (isSidecar(container) ? 0 : of(container)));
  }
  const together = spec.containers.reduce((sum, container) => sum + of(container), sidecars);
  const total = own === undefined ? Math.max(peak, together) : measure(own);
  return total + measure(spec.overhead?.[name]);
}

/** Limits of one container, those of the Pod where it has none (kuberuntime generateLinuxContainerResources). */
export function containerResources(container: Container, spec: Pick<PodSpec, 'resources'>): ContainerResources {
  const { requests } = container.resources ?? {};
  const limits = { ...spec.resources?.limits, ...container.resources?.limits };
  const cpu = requests?.cpu ?? limits.cpu;
  const resources: ContainerResources = { cpuShares: cpuShares(milliValue(cpu)) };
  if (milliValue(limits.cpu) > 0) Object.assign(resources, { cpuPeriod, cpuQuota: cpuQuota(milliValue(limits.cpu)) });
  if (wholeValue(limits.memory) > 0) resources.memoryBytes = wholeValue(limits.memory);
  const hugepages = Object.entries(limits).filter(([name]) => name.startsWith('hugepages-'));
  if (hugepages.length)
    resources.hugepages = Object.fromEntries(hugepages.map(([name, value]) => [name.slice(10), wholeValue(value)]));
  return resources;
}

/**
 * Swap that a container may use; undefined where that cannot be limited. None, unless the node grants Burstable Pods the
 * same part of its swap that they ask for of its memory (KEP-2400; kuberuntime configureContainerSwapResources).
 */
export function swapBytes(
  spec: PodSpec,
  { resources: { requests, limits } = {} }: Container,
  machine: { memoryBytes: number; swapBytes?: number },
  behavior: string,
): number | undefined {
  if (machine.swapBytes === undefined) return undefined;
  const memory = wholeValue(requests?.memory ?? limits?.memory);
  const granted =
    behavior === 'LimitedSwap' &&
    qosClassOf(spec) === 'Burstable' &&
    (spec.priority ?? 0) < systemCriticalPriority &&
    memory !== wholeValue(limits?.memory);
  return granted ? Math.floor((memory / machine.memoryBytes) * machine.swapBytes) : 0;
}

/** oom_score_adj: the less of the machine a burstable container asked for, the sooner it goes (kubelet qos/policy.go). */
export function oomScoreAdj(spec: PodSpec, container: Container, machineBytes: number): number {
  if ((spec.priority ?? 0) >= systemCriticalPriority) return -997;
  const qos = qosClassOf(spec);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const request = wholeValue(container.resources?.requests?.memory) + podShare(spec);
  const score = 1000 - Math.floor((1000 * request) / machineBytes);
  return Math.min(999, Math.max(3, score));
}

/** What a Pod asks for as a whole beside its containers, shared among them (KEP-2837). */
function podShare({ resources, containers }: PodSpec): number {
  const whole = wholeValue(resources?.requests?.memory);
  const own = containers.reduce((sum, one) => sum + wholeValue(one.resources?.requests?.memory), 0);
  return Math.max(0, Math.floor((whole - own) / containers.length));
}
