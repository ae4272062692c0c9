import type { HorizontalPodAutoscalerSpec, HPAScalingRules } from '../../api/generated/autoscaling-v2.ts';
import { round } from './plan-metric.ts';

/** What is wanted, held back by the recent past, rules and bounds (kubernetes pkg/controller/podautoscaler/horizontal.go). Pure. */

export interface Recommendation {
  atMs: number;
  replicas: number;
}

export interface ScaleEvent {
  atMs: number;
  /** Positive when it grew. */
  change: number;
}

export interface History {
  recommendations: Recommendation[];
  events: ScaleEvent[];
}

export interface Limited {
  replicas: number;
  stabilized: 'up' | 'down' | undefined;
  limit: 'ScaleUpLimit' | 'ScaleDownLimit' | 'TooManyReplicas' | 'TooFewReplicas' | undefined;
}

/** --horizontal-pod-autoscaler-downscale-stabilization */
const shrinkingWaitSeconds = 300;

export function limitScale(
  spec: HorizontalPodAutoscalerSpec,
  current: number,
  desired: number,
  history: History,
  nowMs: number,
): Limited {
  return spec.behavior
    ? limitByBehavior(spec, current, desired, history, nowMs)
    : limitByDefault(spec, current, desired, history, nowMs);
}

/** Without spec.behavior: at most twice as many, or four, at a time; shrinking waits (normalizeDesiredReplicas). */
function limitByDefault(
  { minReplicas = 1, maxReplicas }: HorizontalPodAutoscalerSpec,
  current: number,
  desired: number,
  history: History,
  nowMs: number,
): Limited {
  const wanted = Math.max(desired, ...within(history, shrinkingWaitSeconds, nowMs));
  const stabilized = wanted === desired ? undefined : 'down';
  const most = Math.max(2 * current, 4);
  if (wanted < minReplicas) return { replicas: minReplicas, stabilized, limit: 'TooFewReplicas' };
  if (maxReplicas > most && wanted > most) return { replicas: most, stabilized, limit: 'ScaleUpLimit' };
  if (wanted > maxReplicas) return { replicas: maxReplicas, stabilized, limit: 'TooManyReplicas' };
  return { replicas: wanted, stabilized, limit: undefined };
}

/** normalizeDesiredReplicasWithBehaviors */
function limitByBehavior(
  { behavior = {}, minReplicas = 1, maxReplicas }: HorizontalPodAutoscalerSpec,
  current: number,
  desired: number,
  history: History,
  nowMs: number,
): Limited {
  const { scaleUp = {}, scaleDown = {} } = behavior;
  const lowest = Math.min(desired, ...within(history, scaleUp.stabilizationWindowSeconds ?? 0, nowMs));
  const window = scaleDown.stabilizationWindowSeconds ?? shrinkingWaitSeconds;
  const highest = Math.max(desired, ...within(history, window, nowMs));
  const wanted = Math.min(Math.max(current, lowest), highest);
  const stabilized = wanted === desired ? undefined : desired < current ? 'down' : 'up';
  if (wanted > current) {
    const most = Math.max(current, ceilingOf(scaleUp, current, history, nowMs));
    if (maxReplicas > most && wanted > most) return { replicas: most, stabilized, limit: 'ScaleUpLimit' };
    if (wanted > maxReplicas) return { replicas: maxReplicas, stabilized, limit: 'TooManyReplicas' };
  } else if (wanted < current) {
    const least = Math.min(current, floorOf(scaleDown, current, history, nowMs));
    if (minReplicas < least && wanted < least) return { replicas: least, stabilized, limit: 'ScaleDownLimit' };
    if (wanted < minReplicas) return { replicas: minReplicas, stabilized, limit: 'TooFewReplicas' };
  }
  return { replicas: wanted, stabilized, limit: undefined };
}

function within({ recommendations }: History, seconds: number, nowMs: number): number[] {
  return recommendations.filter(({ atMs }) => atMs > nowMs - seconds * 1000).map(({ replicas }) => replicas);
}

function ceilingOf(rules: HPAScalingRules, current: number, history: History, nowMs: number): number {
  const values = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = current - changed(history, periodSeconds, nowMs);
    return type === 'Pods' ? start + value : Math.ceil(round(start * (1 + value / 100)));
  });
  return choose(rules, current, values, Math.max, Math.min);
}

function floorOf(rules: HPAScalingRules, current: number, history: History, nowMs: number): number {
  const values = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = current - changed(history, periodSeconds, nowMs);
    return type === 'Pods' ? start - value : Math.floor(round(start * (1 - value / 100)));
  });
  return choose(rules, current, values, Math.min, Math.max);
}

/** By how much it has grown in this time. */
function changed({ events }: History, seconds: number, nowMs: number): number {
  return events.filter(({ atMs }) => atMs > nowMs - seconds * 1000).reduce((total, { change }) => total + change, 0);
}

type Choice = (...values: number[]) => number;

function choose(
  { selectPolicy }: HPAScalingRules,
  current: number,
  values: number[],
  most: Choice,
  least: Choice,
): number {
  if (selectPolicy === 'Disabled' || values.length === 0) return current;
  return selectPolicy === 'Min' ? least(...values) : most(...values);
}
