import type { Pod } from '../../api/generated/core-v1.ts';
import type { Condition } from '../../api/generated/meta-v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../api/generated/policy-v1.ts';
import { formatTime } from '../../api/time.ts';
import { scaled } from '../deployment/plan-rollout.ts';
import { isReady } from '../pod-state.ts';

/** How many Pods may go now (kubernetes pkg/controller/disruption/disruption.go). Pure. */

/** An eviction that was allowed and did not happen in this time is forgotten (DeletionTimeout). */
const deletionTimeoutMs = 2 * 60 * 1000;

/** Whether the number of expected Pods is the sum of their controllers' scales, rather than the Pods themselves. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string';
}

export function budgetStatus(
  budget: PodDisruptionBudget,
  pods: Pod[],
  scale: number,
  nowMs: number,
): { status: PodDisruptionBudgetStatus; recheckMs: number | undefined } {
  const { maxUnavailable, minAvailable = 0 } = budget.spec;
  const expectedPods = needsScale(budget) ? scale : pods.length;
  const desiredHealthy =
    maxUnavailable !== undefined
      ? Math.max(0, expectedPods - scaled(maxUnavailable, expectedPods, Math.ceil))
      : scaled(minAvailable, expectedPods, Math.ceil);
  const { disruptedPods, recheckMs } = stillDisrupted(budget, pods, nowMs);
  const currentHealthy = pods.filter(
    (pod) => !pod.metadata.deletionTimestamp && !disruptedPods[pod.metadata.name] && isReady(pod),
  ).length;
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  const status: PodDisruptionBudgetStatus = {
    observedGeneration: budget.metadata.generation,
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    ...(Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {}),
    conditions: budget.status?.conditions,
  };
  const allowed = disruptionsAllowed > 0;
  return {
    status: withCondition(
      status,
      allowed ? 'True' : 'False',
      allowed ? 'SufficientPods' : 'InsufficientPods',
      '',
      nowMs,
    ),
    recheckMs,
  };
}

function stillDisrupted(budget: PodDisruptionBudget, pods: Pod[], nowMs: number) {
  const disruptedPods: Record<string, string> = {};
  let recheckMs: number | undefined;
  for (const [name, since] of Object.entries(budget.status?.disruptedPods ?? {})) {
    const pod = pods.find((one) => one.metadata.name === name);
    const leftMs = Date.parse(since) + deletionTimeoutMs - nowMs;
    if (!pod || pod.metadata.deletionTimestamp || leftMs <= 0) continue;
    disruptedPods[name] = since;
    recheckMs = Math.min(recheckMs ?? leftMs, leftMs);
  }
  return { disruptedPods, recheckMs };
}

export function withCondition(
  status: PodDisruptionBudgetStatus,
  value: 'True' | 'False',
  reason: string,
  message: string,
  nowMs: number,
): PodDisruptionBudgetStatus {
  const current = status.conditions?.find(({ type }) => type === 'DisruptionAllowed');
  const condition: Condition = {
    type: 'DisruptionAllowed',
    status: value,
    reason,
    message,
    observedGeneration: status.observedGeneration,
    lastTransitionTime:
      current?.status === value && current.lastTransitionTime
        ? current.lastTransitionTime
        : formatTime(new Date(nowMs)),
  };
  return { ...status, conditions: [...(status.conditions ?? []).filter((one) => one !== current), condition] };
}
