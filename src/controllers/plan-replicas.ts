import type { Pod } from '../api/generated/core-v1.ts';
import { isReady, readyCondition } from './pod-state.ts';

/** At most so many Pods are created or deleted in one go (replica_set.go BurstReplicas). */
export const burstReplicas = 500;

export interface ReplicaPlan {
  /** How many Pods to create. */
  create: number;
  /** Which Pods to delete. */
  remove: Pod[];
}

/** What brings the active Pods to the wanted number. `related` are the active Pods of all replica sets of the same owner. */
export function planReplicas(active: Pod[], wanted: number, related: Pod[], nowMs: number): ReplicaPlan {
  const diff = wanted - active.length;
  if (diff >= 0) return { create: Math.min(diff, burstReplicas), remove: [] };
  return { create: 0, remove: deletionOrder(active, related, nowMs).slice(0, Math.min(-diff, burstReplicas)) };
}

/**
 * The Pods in the order in which they are given up: unassigned, pending, not ready, cheap to delete, on crowded nodes,
 * ready for a shorter time, restarted more often, younger (controller_utils.go, ActivePodsWithRanks). Times count by
 * their order of magnitude only, so that not always the youngest go (KEP-2185).
 */
export function deletionOrder(pods: Pod[], related: Pod[], nowMs: number): Pod[] {
  const perNode = new Map<string, number>();
  for (const pod of related)
    if (pod.spec.nodeName) perNode.set(pod.spec.nodeName, (perNode.get(pod.spec.nodeName) ?? 0) + 1);
  const rank = (pod: Pod) => perNode.get(pod.spec.nodeName ?? '') ?? 0;
  const phases: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };
  const phase = (pod: Pod) => phases[pod.status?.phase ?? 'Pending'] ?? 0;
  return [...pods].sort(
    (a, b) =>
      Number(!!a.spec.nodeName) - Number(!!b.spec.nodeName) ||
      phase(a) - phase(b) ||
      Number(isReady(a)) - Number(isReady(b)) ||
      deletionCost(a) - deletionCost(b) ||
      rank(b) - rank(a) ||
      younger(readyCondition(a)?.lastTransitionTime, readyCondition(b)?.lastTransitionTime, a, b, nowMs) ||
      restarts(b) - restarts(a) ||
      younger(a.metadata.creationTimestamp, b.metadata.creationTimestamp, a, b, nowMs),
  );
}

/** Less than 0 when `timeA` is the later one by an order of magnitude; of equal ones the uid decides. */
function younger(timeA: string | undefined, timeB: string | undefined, a: Pod, b: Pod, nowMs: number): number {
  if (timeA === timeB) return 0;
  if (!timeA || !timeB) return timeA ? 1 : -1;
  const rank = (text: string) => {
    const nanos = (nowMs - Date.parse(text)) * 1e6;
    return nanos > 0 ? Math.trunc(Math.log2(nanos)) : -1;
  };
  return rank(timeA) - rank(timeB) || (a.metadata.uid < b.metadata.uid ? -1 : 1);
}

const deletionCost = (pod: Pod) =>
  Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0) || 0;
const restarts = (pod: Pod) =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map((container) => container.restartCount ?? 0));
