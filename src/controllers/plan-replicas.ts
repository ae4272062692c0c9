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
export function planReplicas(active: Pod[], wanted: number, related: Pod[]): ReplicaPlan {
  const diff = wanted - active.length;
  if (diff >= 0) return { create: Math.min(diff, burstReplicas), remove: [] };
  return { create: 0, remove: deletionOrder(active, related).slice(0, Math.min(-diff, burstReplicas)) };
}

/**
 * The Pods in the order in which they are given up: unassigned, pending, not ready, cheap to delete, on crowded nodes,
 * ready for a shorter time, restarted more often, younger (controller_utils.go, ActivePodsWithRanks).
 */
export function deletionOrder(pods: Pod[], related: Pod[]): Pod[] {
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
      time(readyCondition(b)?.lastTransitionTime) - time(readyCondition(a)?.lastTransitionTime) ||
      restarts(b) - restarts(a) ||
      time(b.metadata.creationTimestamp) - time(a.metadata.creationTimestamp),
  );
}

const deletionCost = (pod: Pod) =>
  Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0) || 0;
const time = (text: string | undefined) => (text ? Date.parse(text) : 0);
const restarts = (pod: Pod) =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map((container) => container.restartCount ?? 0));
