import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import { byAge, desiredReplicasAnnotation, maxReplicasAnnotation } from './revision.ts';

/** How many replicas each ReplicaSet should have next (kubernetes pkg/controller/deployment/{rolling,sync}.go). Pure. */

export interface Scale {
  set: ReplicaSet;
  replicas: number;
}

export const replicasOf = (set: ReplicaSet) => set.spec.replicas ?? 1;
export const totalReplicas = (sets: ReplicaSet[]) => sets.reduce((sum, set) => sum + replicasOf(set), 0);
const availableReplicas = (sets: ReplicaSet[]) =>
  sets.reduce((sum, set) => sum + (set.status?.availableReplicas ?? 0), 0);

export function isRollingUpdate(deployment: Deployment): boolean {
  return deployment.spec.strategy?.type !== 'Recreate';
}

/** maxSurge and maxUnavailable as numbers; both zero would never move, so then one may be unavailable (ResolveFenceposts). */
export function fenceposts(deployment: Deployment): { maxSurge: number; maxUnavailable: number } {
  if (!isRollingUpdate(deployment)) return { maxSurge: 0, maxUnavailable: 0 };
  const desired = deployment.spec.replicas ?? 1;
  const maxSurge = scaled(deployment.spec.strategy?.rollingUpdate?.maxSurge ?? '25%', desired, Math.ceil);
  const maxUnavailable = scaled(deployment.spec.strategy?.rollingUpdate?.maxUnavailable ?? '25%', desired, Math.floor);
  const allowed = maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable;
  return { maxSurge, maxUnavailable: Math.min(allowed, desired) };
}

/** An absolute number, or a percentage of `total` (intstr.GetScaledValueFromIntOrPercent). */
export function scaled(value: number | string, total: number, round: (value: number) => number): number {
  return typeof value === 'number' ? value : round((Number.parseInt(value, 10) * total) / 100);
}

/** Replicas that the new set of a rollout may have now: as many as surge allows (NewRSNewReplicas). */
export function newSetReplicas(deployment: Deployment, all: ReplicaSet[], newSet: ReplicaSet | undefined): number {
  const desired = deployment.spec.replicas ?? 1;
  if (!isRollingUpdate(deployment)) return desired;
  const room = desired + fenceposts(deployment).maxSurge - totalReplicas(all);
  const current = newSet ? replicasOf(newSet) : 0;
  return room <= 0 ? current : Math.min(current + room, Math.max(current, desired));
}

/** Scales old sets down: first what is unhealthy, then as much as keeps enough Pods available (reconcileOldReplicaSets). */
export function planOldSets(deployment: Deployment, newSet: ReplicaSet, oldSets: ReplicaSet[]): Scale[] {
  const all = [...oldSets, newSet];
  if (totalReplicas(oldSets) === 0) return [];
  const desired = deployment.spec.replicas ?? 1;
  const minAvailable = desired - fenceposts(deployment).maxUnavailable;
  const newUnavailable = replicasOf(newSet) - (newSet.status?.availableReplicas ?? 0);
  const maxScaledDown = totalReplicas(all) - minAvailable - newUnavailable;
  if (maxScaledDown <= 0) return [];

  const planned = new Map<ReplicaSet, number>(oldSets.map((set) => [set, replicasOf(set)]));
  removeUnhealthy(planned, maxScaledDown);
  removeAvailable(planned, availableReplicas(all) - minAvailable);
  return [...planned]
    .filter(([set, replicas]) => replicas !== replicasOf(set))
    .map(([set, replicas]) => ({ set, replicas }));
}

function removeUnhealthy(planned: Map<ReplicaSet, number>, max: number): void {
  let left = max;
  for (const set of byAge([...planned.keys()])) {
    const replicas = planned.get(set) ?? 0;
    const unhealthy = replicas - (set.status?.availableReplicas ?? 0);
    const count = Math.max(0, Math.min(left, unhealthy));
    planned.set(set, replicas - count);
    left -= count;
  }
}

function removeAvailable(planned: Map<ReplicaSet, number>, max: number): void {
  let left = Math.max(0, max);
  for (const set of byAge([...planned.keys()])) {
    const replicas = planned.get(set) ?? 0;
    const count = Math.min(replicas, left);
    planned.set(set, replicas - count);
    left -= count;
  }
}

/** Spreads a changed size over the active sets, in proportion to theirs, in the middle of a rollout (sync.go scale). */
export function planProportionally(deployment: Deployment, active: ReplicaSet[]): Scale[] {
  const desired = deployment.spec.replicas ?? 1;
  const allowed = desired > 0 ? desired + fenceposts(deployment).maxSurge : 0;
  const total = totalReplicas(active);
  const toAdd = allowed - total;
  const newestFirst = byAge(active).reverse();
  const largestFirst = newestFirst.sort((a, b) => replicasOf(b) - replicasOf(a));
  if (toAdd < 0) largestFirst.sort((a, b) => replicasOf(b) - replicasOf(a) || age(a) - age(b));

  let added = 0;
  const plan = largestFirst.map((set) => {
    const share = toAdd === 0 ? 0 : proportion(set, deployment, allowed, toAdd, added);
    added += share;
    return { set, replicas: replicasOf(set) + share };
  });
  // What rounding left over goes to the largest.
  const first = plan[0];
  if (first) first.replicas = Math.max(0, first.replicas + toAdd - added);
  return plan;
}

const age = (set: ReplicaSet) => Date.parse(set.metadata.creationTimestamp);

function proportion(set: ReplicaSet, deployment: Deployment, allowed: number, toAdd: number, added: number): number {
  const max =
    Number(set.metadata.annotations?.[maxReplicasAnnotation] ?? deployment.status?.replicas ?? allowed) || allowed;
  const wanted = Math.round((replicasOf(set) * allowed) / max) - replicasOf(set);
  const left = toAdd - added;
  return toAdd > 0 ? Math.min(wanted, left) : Math.max(wanted, left);
}

/** Whether spec.replicas changed since the sets were last scaled (isScalingEvent). */
export function isScalingEvent(deployment: Deployment, active: ReplicaSet[]): boolean {
  return active.some((set) => {
    const desired = set.metadata.annotations?.[desiredReplicasAnnotation];
    return desired !== undefined && Number(desired) !== (deployment.spec.replicas ?? 1);
  });
}
