import type { HorizontalPodAutoscalerSpec, HPAScalingRules } from '../../api/generated/autoscaling-v2.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { quantityMilliValue } from '../../api/quantity.ts';
import { isReady, isTerminated } from '../pod-state.ts';

/** How many replicas a workload should have (kubernetes pkg/controller/podautoscaler/{replica_calculator,horizontal}.go). Pure. */

/** Within this share of the target nothing changes. */
const tolerance = 0.1;

/** Usage in thousandths by Pod name; Pods without a measurement are absent. */
export type Usage = ReadonlyMap<string, number>;

export interface Target {
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

/** Pods that are not measured count as cautiously as can be: as idle when growing, as fully used when shrinking. */
export function replicasFor(current: number, pods: Pod[], usage: Usage, target: Target): Measured {
  const alive = pods.filter((pod) => !pod.metadata.deletionTimestamp && !isTerminated(pod));
  const unready = alive.filter((pod) => target.resource === 'cpu' && !isReady(pod));
  const measured = alive.filter((pod) => usage.has(pod.metadata.name) && !unready.includes(pod));
  const missing = alive.filter((pod) => !usage.has(pod.metadata.name) && !unready.includes(pod));
  if (measured.length === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const requests = new Map(alive.map((pod) => [pod, requestMilli(pod, target)]));
  const goal = (pod: Pod) =>
    target.utilization !== undefined
      ? ((requests.get(pod) ?? 0) * target.utilization) / 100
      : (target.averageMilli ?? 1);
  const used = (pod: Pod) => usage.get(pod.metadata.name) ?? 0;
  const ratioOf = (list: Pod[], of: (pod: Pod) => number) => sum(list, of) / sum(list, goal);
  const ratio = ratioOf(measured, used);
  const result: Measured = {
    replicas: current,
    averageMilli: Math.trunc(sum(measured, used) / measured.length),
    ...(target.utilization !== undefined ? { utilization: Math.trunc(ratio * target.utilization) } : {}),
  };
  const growing = ratio > 1;
  if (missing.length === 0 && (unready.length === 0 || !growing)) {
    if (Math.abs(ratio - 1) > tolerance) result.replicas = Math.ceil(round(ratio * measured.length));
    return result;
  }
  const counted = [...measured, ...missing, ...(growing ? unready : [])];
  const assumed = (pod: Pod) => (measured.includes(pod) ? used(pod) : growing || unready.includes(pod) ? 0 : goal(pod));
  const cautious = ratioOf(counted, assumed);
  const turned = (ratio < 1 && cautious > 1) || (growing && cautious < 1);
  if (Math.abs(cautious - 1) <= tolerance || turned) return result;
  const replicas = Math.ceil(round(cautious * counted.length));
  if ((cautious < 1 && replicas > current) || (cautious > 1 && replicas < current)) return result;
  result.replicas = replicas;
  return result;
}

function requestMilli(pod: Pod, { resource, container, utilization }: Target): number {
  const sidecars = (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always');
  let total = 0;
  for (const one of [...pod.spec.containers, ...sidecars]) {
    if (container && one.name !== container) continue;
    const request = one.resources?.requests?.[resource];
    if (!request && utilization !== undefined)
      throw new Error(`missing request for ${resource} in container ${one.name} of Pod ${pod.metadata.name}`);
    total += request ? quantityMilliValue(request) : 0;
  }
  return total;
}

const sum = (pods: Pod[], of: (pod: Pod) => number) => pods.reduce((total, pod) => total + of(pod), 0);
/** Keeps 3 × 1.1 from being 3.3000000000000003. */
const round = (value: number) => Math.round(value * 1e9) / 1e9;

export interface Recommendation {
  atMs: number;
  replicas: number;
}

export interface ScaleEvent {
  atMs: number;
  /** Positive when it grew. */
  change: number;
}

export interface Limited {
  replicas: number;
  stabilized: 'up' | 'down' | undefined;
  limit: 'ScaleUpLimit' | 'ScaleDownLimit' | 'TooManyReplicas' | 'TooFewReplicas' | undefined;
}

const defaultRules: Record<'up' | 'down', HPAScalingRules> = {
  up: {
    stabilizationWindowSeconds: 0,
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
  },
  down: { stabilizationWindowSeconds: 300, policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
};

/** What is wanted, held back by the recent past, the rules of spec.behavior and the bounds. */
export function limitScale(
  spec: HorizontalPodAutoscalerSpec,
  current: number,
  desired: number,
  history: { recommendations: Recommendation[]; events: ScaleEvent[] },
  nowMs: number,
): Limited {
  const rules = {
    up: { ...defaultRules.up, ...spec.behavior?.scaleUp },
    down: { ...defaultRules.down, ...spec.behavior?.scaleDown },
  };
  const within = (seconds: number) =>
    history.recommendations.filter((one) => one.atMs > nowMs - seconds * 1000).map((one) => one.replicas);
  const lowest = Math.min(desired, ...within(rules.up.stabilizationWindowSeconds ?? 0));
  const highest = Math.max(desired, ...within(rules.down.stabilizationWindowSeconds ?? 300));
  let replicas = current;
  if (replicas < lowest) replicas = lowest;
  if (replicas > highest) replicas = highest;
  const stabilized = replicas === desired ? undefined : desired < current ? 'down' : 'up';
  const changed = (seconds: number, sign: 1 | -1) =>
    history.events
      .filter((one) => one.atMs > nowMs - seconds * 1000 && Math.sign(one.change) === sign)
      .reduce((total, one) => total + Math.abs(one.change), 0);
  let limit: Limited['limit'];
  if (replicas > current) {
    const ceilings = (rules.up.policies ?? []).map(({ type, value, periodSeconds }) => {
      const start = current - changed(periodSeconds, 1);
      return type === 'Pods' ? start + value : Math.ceil(round(start * (1 + value / 100)));
    });
    const ceiling = Math.max(current, choose(rules.up.selectPolicy, current, ceilings, Math.max, Math.min));
    if (replicas > ceiling) [replicas, limit] = [ceiling, 'ScaleUpLimit'];
  } else if (replicas < current) {
    const floors = (rules.down.policies ?? []).map(({ type, value, periodSeconds }) => {
      const start = current + changed(periodSeconds, -1);
      return type === 'Pods' ? start - value : Math.floor(round(start * (1 - value / 100)));
    });
    const floor = Math.min(current, choose(rules.down.selectPolicy, current, floors, Math.min, Math.max));
    if (replicas < floor) [replicas, limit] = [floor, 'ScaleDownLimit'];
  }
  const { minReplicas = 1, maxReplicas } = spec;
  if (replicas > maxReplicas) [replicas, limit] = [maxReplicas, 'TooManyReplicas'];
  else if (replicas < minReplicas) [replicas, limit] = [minReplicas, 'TooFewReplicas'];
  return { replicas, stabilized, limit };
}

function choose(
  policy: string | undefined,
  current: number,
  values: number[],
  most: (...values: number[]) => number,
  least: (...values: number[]) => number,
): number {
  if (policy === 'Disabled' || values.length === 0) return current;
  return policy === 'Min' ? least(...values) : most(...values);
}
