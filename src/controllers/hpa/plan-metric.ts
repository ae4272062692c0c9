import type { Pod } from '../../api/generated/core-v1.ts';
import { quantityMilliValue } from '../../api/quantity.ts';
import { isReady, readyCondition } from '../pod-state.ts';

/** How many replicas one metric asks for (kubernetes pkg/controller/podautoscaler/replica_calculator.go). Pure. */

/** Within this share of the target nothing changes; spec.behavior may say other shares (KEP-4951). */
export interface Tolerance {
  up: number;
  down: number;
}

export const defaultTolerance: Tolerance = { up: 0.1, down: 0.1 };

/** --horizontal-pod-autoscaler-cpu-initialization-period */
const cpuInitializationMs = 300_000;
/** --horizontal-pod-autoscaler-initial-readiness-delay */
const initialReadinessDelayMs = 30_000;

/** What was measured of a Pod. */
export interface Sample {
  /** Thousandths. */
  milli: number;
  atMs: number;
  /** The time over which it was measured. */
  windowMs: number;
}

/** By Pod name; Pods without a measurement are absent. */
export type Usage = ReadonlyMap<string, Sample>;

/** Target of a metric that each Pod has a value of. */
export interface PodTarget {
  /** '' for custom metrics. */
  resource: string;
  /** Only this container counts; all when absent. */
  container?: string;
  /** Percentage of the request. */
  utilization?: number;
  /** Thousandths a Pod. */
  averageMilli?: number;
}

export interface Measured {
  replicas: number;
  /** Percentage of the requests; only for a utilization target. */
  utilization?: number;
  averageMilli: number;
}

/** What is known when it is decided. */
export interface Present {
  /** spec.replicas of the scale. */
  current: number;
  /** Those that the scale's selector matches. */
  pods: Pod[];
  tolerance: Tolerance;
  nowMs: number;
}

/** Pods that are not measured count as cautiously as can be: as idle when growing, as fully used when shrinking. */
export function replicasForPods(present: Present, usage: Usage, target: PodTarget): Measured {
  const { current, pods, tolerance } = present;
  if (pods.length === 0) throw new Error('no pods returned by selector while calculating replica count');
  const { ready, unready, missing } = groupPods(present, usage, target.resource);
  const requests = new Map(pods.map((pod) => [pod, requestMilli(pod, target)]));
  if (ready.length === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const goal = (pod: Pod) =>
    target.utilization === undefined ? (target.averageMilli ?? 1) : (requests.get(pod)! * target.utilization) / 100;
  const used = (pod: Pod) => usage.get(pod.metadata.name)?.milli ?? 0;
  const ratioOf = (list: Pod[], of: (pod: Pod) => number) => sum(list, of) / sum(list, goal);
  const ratio = ratioOf(ready, used);
  const result: Measured = {
    replicas: current,
    averageMilli: Math.trunc(sum(ready, used) / ready.length),
    ...(target.utilization !== undefined ? { utilization: Math.trunc(ratio * target.utilization) } : {}),
  };
  if (ratio === 1) return result;
  const growing = ratio > 1;
  if (missing.length === 0 && (unready.length === 0 || !growing)) {
    if (!isWithin(tolerance, ratio)) result.replicas = roundUp(ratio * ready.length);
    return result;
  }
  const counted = [...ready, ...missing, ...(growing ? unready : [])];
  // A Pod that uses all of its request is not one that uses what is aimed at: so little does shrinking trust in it.
  const full = (pod: Pod) => (target.utilization === undefined ? goal(pod) : Math.max(requests.get(pod)!, goal(pod)));
  const assumed = (pod: Pod) => (ready.includes(pod) ? used(pod) : growing ? 0 : full(pod));
  const cautious = ratioOf(counted, assumed);
  const turned = (ratio < 1 && cautious > 1) || (growing && cautious < 1);
  if (isWithin(tolerance, cautious) || turned) return result;
  const replicas = roundUp(cautious * counted.length);
  if ((cautious < 1 && replicas > current) || (cautious > 1 && replicas < current)) return result;
  return { ...result, replicas };
}

/** A metric of which there is one value for all: it is to be at its target. */
export function replicasForValue(present: Present, valueMilli: number, targetMilli: number): number {
  const { current, pods, tolerance } = present;
  const ratio = valueMilli / targetMilli;
  if (current === 0) return roundUp(ratio);
  if (isWithin(tolerance, ratio)) return current;
  if (pods.length === 0)
    throw new Error('unable to calculate ready pods: no pods returned by selector while calculating replica count');
  return roundUp(ratio * pods.filter((pod) => pod.status?.phase === 'Running' && isReady(pod)).length);
}

/** A metric of which there is one value for all: each Pod's share of it is to be at its target. */
export function replicasForShare(
  statusReplicas: number,
  tolerance: Tolerance,
  valueMilli: number,
  targetMilli: number,
): { replicas: number; averageMilli: number } {
  const ratio = valueMilli / (targetMilli * statusReplicas);
  const replicas = isWithin(tolerance, ratio) ? statusReplicas : roundUp(valueMilli / targetMilli);
  return { replicas, averageMilli: Math.ceil(valueMilli / statusReplicas) };
}

/** groupPods: those that are ending or failed are left out. */
function groupPods({ pods, nowMs }: Present, usage: Usage, resource: string) {
  const groups = { ready: [] as Pod[], unready: [] as Pod[], missing: [] as Pod[] };
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp || pod.status?.phase === 'Failed') continue;
    const sample = usage.get(pod.metadata.name);
    if (pod.status?.phase === 'Pending') groups.unready.push(pod);
    else if (!sample) groups.missing.push(pod);
    else if (resource === 'cpu' && isWarmingUp(pod, sample, nowMs)) groups.unready.push(pod);
    else groups.ready.push(pod);
  }
  return groups;
}

/** What a Pod uses while it starts says nothing about its work. */
function isWarmingUp(pod: Pod, sample: Sample, nowMs: number): boolean {
  const condition = readyCondition(pod);
  const { startTime } = pod.status ?? {};
  if (!condition || !startTime) return true;
  const startMs = Date.parse(startTime);
  const changedMs = Date.parse(condition.lastTransitionTime ?? startTime);
  if (startMs + cpuInitializationMs > nowMs)
    return condition.status === 'False' || sample.atMs < changedMs + sample.windowMs;
  return condition.status === 'False' && startMs + initialReadinessDelayMs > changedMs;
}

function requestMilli(pod: Pod, { resource, container, utilization }: PodTarget): number {
  if (utilization === undefined) return 0;
  const sidecars = (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always');
  let total = 0;
  let found = false;
  for (const one of [...pod.spec.containers, ...sidecars]) {
    if (container && one.name !== container) continue;
    found = true;
    const request = one.resources?.requests?.[resource];
    if (!request)
      throw new Error(`missing request for ${resource} in container ${one.name} of Pod ${pod.metadata.name}`);
    total += quantityMilliValue(request);
  }
  if (!found) throw new Error(`container ${container} not found in Pod ${pod.metadata.name}`);
  return total;
}

const isWithin = ({ up, down }: Tolerance, ratio: number) => 1 - down <= round(ratio) && round(ratio) <= 1 + up;
const sum = (pods: Pod[], of: (pod: Pod) => number) => pods.reduce((total, pod) => total + of(pod), 0);
/** Keeps 3 × 1.1 from being 3.3000000000000003. */
export const round = (value: number) => Math.round(value * 1e9) / 1e9;
const roundUp = (value: number) => Math.ceil(round(value));
