import type { Pod, PodSpec, ResourceRequirements } from './generated/core-v1.ts';
import { addQuantities, compareQuantities, parseQuantity } from './quantity.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** The quality-of-service class of a Pod (pkg/apis/core/v1/helper/qos/qos.go ComputePodQOS). */
export function qosClassOf(spec: PodSpec): QosClass {
  if (spec.resources && hasAny(spec.resources)) return classOf([spec.resources]);
  return classOf([...spec.containers, ...(spec.initContainers ?? [])].map((container) => container.resources ?? {}));
}

/** The class that was written down at creation, else computed. */
export function podQosClass(pod: Pod): QosClass {
  return pod.status?.qosClass ?? qosClassOf(pod.spec);
}

const qosResources = ['cpu', 'memory'] as const;

function hasAny({ limits = {}, requests = {} }: ResourceRequirements): boolean {
  return qosResources.some((name) => limits[name] !== undefined || requests[name] !== undefined);
}

function classOf(all: readonly ResourceRequirements[]): QosClass {
  const requests: Record<string, string> = {};
  const limits: Record<string, string> = {};
  let guaranteed = true;
  for (const resources of all) {
    let limited = 0;
    for (const name of qosResources) {
      if (addPositive(requests, name, resources.requests?.[name])) continue;
    }
    for (const name of qosResources) if (addPositive(limits, name, resources.limits?.[name])) limited++;
    if (limited < qosResources.length) guaranteed = false;
  }
  if (Object.keys(requests).length === 0 && Object.keys(limits).length === 0) return 'BestEffort';
  if (guaranteed && Object.keys(requests).length === Object.keys(limits).length) {
    const equal = Object.entries(requests).every(
      ([name, amount]) => limits[name] !== undefined && compareQuantities(limits[name], amount) === 0,
    );
    if (equal) return 'Guaranteed';
  }
  return 'Burstable';
}

function addPositive(sums: Record<string, string>, name: string, amount: string | undefined): boolean {
  if (amount === undefined || parseQuantity(amount).nanos <= 0n) return false;
  sums[name] = sums[name] === undefined ? amount : addQuantities(sums[name], amount);
  return true;
}
