import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../api/generated/apps-v1.ts';
import { fenceposts, replicasOf } from './plan-rollout.ts';

/** Status and conditions of a Deployment (kubernetes pkg/controller/deployment/{sync,progress}.go). Pure. */

export const noDeadlineSeconds = 2147483647;

export function hasProgressDeadline(deployment: Deployment): boolean {
  const seconds = deployment.spec.progressDeadlineSeconds;
  return seconds !== undefined && seconds !== noDeadlineSeconds;
}

/** The counts, and the Available condition. */
export function calculateStatus(
  deployment: Deployment,
  all: ReplicaSet[],
  newSet: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  const sum = (value: (set: ReplicaSet) => number | undefined) =>
    all.reduce((total, set) => total + (value(set) ?? 0), 0) || undefined;
  const availableReplicas = sum((set) => set.status?.availableReplicas) ?? 0;
  const total = all.reduce((count, set) => count + replicasOf(set), 0);
  const enough = availableReplicas >= (deployment.spec.replicas ?? 1) - fenceposts(deployment).maxUnavailable;
  const available = enough
    ? condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
    : condition('Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.');
  return {
    observedGeneration: deployment.metadata.generation,
    replicas: sum((set) => set.status?.replicas),
    updatedReplicas: newSet?.status?.replicas || undefined,
    readyReplicas: sum((set) => set.status?.readyReplicas),
    availableReplicas: availableReplicas || undefined,
    unavailableReplicas: Math.max(0, total - availableReplicas) || undefined,
    terminatingReplicas: all.reduce((count, set) => count + (set.status?.terminatingReplicas ?? 0), 0),
    collisionCount: deployment.status?.collisionCount,
    conditions: setCondition(deployment.status?.conditions ?? [], available, nowMs),
  };
}

export function condition(type: string, status: string, reason: string, message: string): DeploymentCondition {
  return { type, status, reason, message };
}

/** The conditions with this one in place; one with the same status and reason stays as it is (SetDeploymentCondition). */
export function setCondition(
  conditions: DeploymentCondition[],
  next: DeploymentCondition,
  nowMs: number,
): DeploymentCondition[] {
  const current = conditions.find((one) => one.type === next.type);
  if (current && current.status === next.status && current.reason === next.reason) return conditions;
  const now = timestamp(nowMs);
  const transition = current?.status === next.status ? current.lastTransitionTime : now;
  return [
    ...conditions.filter((one) => one.type !== next.type),
    { ...next, lastUpdateTime: now, lastTransitionTime: transition },
  ];
}

/** Takes a condition in place even when only its time changes: each step of a rollout is progress. */
export function refreshCondition(conditions: DeploymentCondition[], next: DeploymentCondition, nowMs: number) {
  const current = conditions.find((one) => one.type === next.type);
  const now = timestamp(nowMs);
  const transition = current?.status === next.status ? current.lastTransitionTime : now;
  return [
    ...conditions.filter((one) => one.type !== next.type),
    { ...next, lastUpdateTime: now, lastTransitionTime: transition },
  ];
}

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const desired = deployment.spec.replicas ?? 1;
  return (
    (status.updatedReplicas ?? 0) === desired &&
    (status.replicas ?? 0) === desired &&
    (status.availableReplicas ?? 0) === desired &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

export function isProgressing(deployment: Deployment, status: DeploymentStatus): boolean {
  const old = deployment.status ?? {};
  const oldOld = (old.replicas ?? 0) - (old.updatedReplicas ?? 0);
  const newOld = (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (status.updatedReplicas ?? 0) > (old.updatedReplicas ?? 0) ||
    newOld < oldOld ||
    (status.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (status.availableReplicas ?? 0) > (old.availableReplicas ?? 0)
  );
}

/** Milliseconds until the rollout has run out of time: 0 or less when it has, undefined when no deadline applies. */
export function untilDeadlineMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  if (!hasProgressDeadline(deployment)) return undefined;
  const progressing = status.conditions?.find((one) => one.type === 'Progressing');
  if (!progressing || progressing.reason === 'NewReplicaSetAvailable') return undefined;
  if (progressing.reason === 'ProgressDeadlineExceeded') return 0;
  const since = Date.parse(progressing.lastUpdateTime ?? progressing.lastTransitionTime ?? '');
  return since + (deployment.spec.progressDeadlineSeconds ?? 600) * 1000 - nowMs;
}

/** The Progressing and ReplicaFailure conditions of this moment (syncRolloutStatus). */
export function withProgress(
  deployment: Deployment,
  all: ReplicaSet[],
  newSet: ReplicaSet | undefined,
  status: DeploymentStatus,
  nowMs: number,
): DeploymentStatus {
  let conditions = (status.conditions ?? []).filter((one) => one.type !== 'ReplicaFailure');
  const subject = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  const current = conditions.find((one) => one.type === 'Progressing');
  const done = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable';
  if (hasProgressDeadline(deployment) && !done) {
    if (isComplete(deployment, status)) {
      const message = `${subject} has successfully progressed.`;
      conditions = setCondition(conditions, condition('Progressing', 'True', 'NewReplicaSetAvailable', message), nowMs);
    } else if (isProgressing(deployment, status)) {
      const message = `${subject} is progressing.`;
      conditions = refreshCondition(conditions, condition('Progressing', 'True', 'ReplicaSetUpdated', message), nowMs);
    } else if ((untilDeadlineMs(deployment, { ...status, conditions }, nowMs) ?? 1) <= 0) {
      const message = `${subject} has timed out progressing.`;
      conditions = setCondition(
        conditions,
        condition('Progressing', 'False', 'ProgressDeadlineExceeded', message),
        nowMs,
      );
    }
  }
  const failed = [newSet, ...all].flatMap(
    (set) => set?.status?.conditions?.find((one) => one.type === 'ReplicaFailure') ?? [],
  )[0];
  if (failed) conditions = [...conditions, { ...failed, lastUpdateTime: failed.lastTransitionTime }];
  return { ...status, conditions };
}

export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
