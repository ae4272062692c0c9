import type { Container, Pod, PodSpec } from '../api/generated/core-v1.ts';
import type { CgroupLimits } from '../linux/linux.ts';
import type { ContainerResources } from '../runtime/runtime.ts';
import { milliValue, wholeValue } from './quantity.ts';
import { isSidecar } from './restart-policy.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** The Pod's quality of service (pkg/apis/core/v1/helper/qos ComputePodQOS). */
export function qosClass(spec: PodSpec): QosClass {
  const requests = new Map<string, number>();
  const limits = new Map<string, number>();
  let guaranteed = true;
  for (const { resources } of [...(spec.initContainers ?? []), ...spec.containers]) {
    for (const name of ['cpu', 'memory']) {
      const request = milliValue(resources?.requests?.[name]);
      const limit = milliValue(resources?.limits?.[name]);
      if (request > 0) requests.set(name, (requests.get(name) ?? 0) + request);
      if (limit > 0) limits.set(name, (limits.get(name) ?? 0) + limit);
      else guaranteed = false;
    }
  }
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  const equal = [...requests].every(([name, value]) => limits.get(name) === value);
  return guaranteed && equal && requests.size === limits.size ? 'Guaranteed' : 'Burstable';
}

/** '/vitrine-<cluster>/kubepods/burstable/pod<uid>': the tree by QoS (kubelet cm/qos_container_manager). */
export function podCgroup(cluster: string, pod: Pod): string {
  const qos = qosClass(pod.spec);
  const middle = qos === 'Guaranteed' ? '' : `/${qos.toLowerCase()}`;
  return `${kubepods(cluster)}${middle}/pod${pod.metadata.uid}`;
}

export const kubepods = (cluster: string): string => `/vitrine-${cluster}/kubepods`;

const cpuPeriod = 100_000;
/** cpu.shares of so many thousandths of a CPU; the kernel's least is 2 (cm/helpers_linux.go MilliCPUToShares). */
export const cpuShares = (milli: number): number => Math.min(262_144, Math.max(2, Math.floor((milli * 1024) / 1000)));
const cpuQuota = (milli: number): number => Math.max(1000, Math.floor((milli * cpuPeriod) / 1000));

/** Limits of the Pod's own cgroup (cm/helpers_linux.go ResourceConfigForPod). */
export function podLimits(spec: PodSpec, pids = -1): CgroupLimits {
  const limits: CgroupLimits = { cpuShares: cpuShares(podRequest(spec, 'cpu')) };
  if (pids > 0) limits.pids = pids;
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  const limited = (name: string) => all.every(({ resources }) => milliValue(resources?.limits?.[name]) > 0);
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

/** Limits of one container (kuberuntime generateLinuxContainerResources). */
export function containerResources(container: Container): ContainerResources {
  const { requests, limits } = container.resources ?? {};
  const cpu = requests?.cpu ?? limits?.cpu;
  const resources: ContainerResources = { cpuShares: cpuShares(milliValue(cpu)) };
  if (milliValue(limits?.cpu) > 0) Object.assign(resources, { cpuPeriod, cpuQuota: cpuQuota(milliValue(limits?.cpu)) });
  if (wholeValue(limits?.memory) > 0) resources.memoryBytes = wholeValue(limits?.memory);
  const hugepages = Object.entries(limits ?? {}).filter(([name]) => name.startsWith('hugepages-'));
  if (hugepages.length)
    resources.hugepages = Object.fromEntries(hugepages.map(([name, value]) => [name.slice(10), wholeValue(value)]));
  return resources;
}

/** oom_score_adj: the less of the machine a burstable container asked for, the sooner it goes (kubelet qos/policy.go). */
export function oomScoreAdj(spec: PodSpec, container: Container, machineBytes: number): number {
  if ((spec.priority ?? 0) >= 2_000_000_000) return -997;
  const qos = qosClass(spec);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const request = wholeValue(container.resources?.requests?.memory);
  const score = 1000 - Math.floor((1000 * request) / machineBytes);
  return Math.min(999, Math.max(3, score));
}
