import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/generated/apps-v1.ts';
import { deployments, pods, replicaSets } from '../../api/resource.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { claim } from '../claim.ts';
import { isTerminated } from '../pod-state.ts';
import { byControllerUid } from '../replicaset.ts';
import { StatusSpacing } from '../status-spacing.ts';
import {
  fenceposts,
  isRollingUpdate,
  isScalingEvent,
  newSetReplicas,
  planOldSets,
  planProportionally,
  replicasOf,
  totalReplicas,
} from './plan-rollout.ts';
import { createReplicaSets } from './replica-sets.ts';
import { byAge, findNewReplicaSet } from './revision.ts';
import {
  calculateStatus,
  condition,
  hasProgressDeadline,
  isComplete,
  setCondition,
  untilDeadlineMs,
  withProgress,
} from './status.ts';

/** Rolls a Deployment's template out through ReplicaSets (kubernetes pkg/controller/deployment/deployment_controller.go). */
export function deploymentController(context: ControllerContext): Controller {
  const { client, informers, clock, events } = context;
  const all = informers.informer(deployments);
  const sets = informers.informer(replicaSets, { indexes: byControllerUid });
  const allPods = informers.informer(pods, { indexes: byControllerUid });
  const replicaSetsOf = createReplicaSets(context);
  const spacing = new StatusSpacing(clock);

  return {
    name: 'deployment',
    for: deployments,
    owns: [replicaSets],
    watches: [{ resource: pods, keys: () => [] }],
    minIntervalMs: 25,
    reconcile: async (key) => {
      const deployment = all.get(key);
      if (!deployment) return spacing.forget(key);
      if (isEmptySelector(deployment)) return warnAboutSelector(deployment);
      const owned = await claimSets(deployment);
      if (deployment.metadata.deletionTimestamp) return syncStatus(deployment, owned);
      if (deployment.spec.paused || !(await resumed(deployment))) return syncPausedOrScale(deployment, owned);
      if (
        isScalingEvent(
          deployment,
          owned.filter((set) => replicasOf(set) > 0),
        )
      )
        return syncPausedOrScale(deployment, owned);
      return isRollingUpdate(deployment) ? rollingUpdate(deployment, owned) : recreate(deployment, owned);
    },
  };

  function claimSets(deployment: Deployment): Promise<ReplicaSet[]> {
    const candidates = [
      ...sets.byIndex('controllerUid', deployment.metadata.uid),
      ...sets.byIndex('controllerUid', `orphan/${deployment.metadata.namespace}`),
    ];
    return claim({ client, resource: replicaSets, owner: deployment, selector: deployment.spec.selector, candidates });
  }

  function warnAboutSelector(deployment: Deployment): void {
    const message = 'This deployment is selecting all pods. A non-empty selector is required.';
    events.event(deployment, 'Warning', 'SelectingAll', message);
  }

  /** Notes in the Progressing condition that a paused rollout goes on; false when it was written and the next sync is to go on. */
  async function resumed(deployment: Deployment): Promise<boolean> {
    const paused =
      deployment.status?.conditions?.find((one) => one.type === 'Progressing')?.reason === 'DeploymentPaused';
    if (!paused || !hasProgressDeadline(deployment)) return true;
    await writeCondition(deployment, condition('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed'));
    return false;
  }

  /** Whether the condition was new; its writing brings the Deployment back to us. */
  async function writeCondition(deployment: Deployment, next: ReturnType<typeof condition>): Promise<boolean> {
    const conditions = setCondition(deployment.status?.conditions ?? [], next, clock.now());
    if (conditions === deployment.status?.conditions) return false;
    await client.update(
      deployments,
      { ...deployment, status: { ...deployment.status, conditions } },
      { subresource: 'status' },
    );
    return true;
  }

  async function syncPausedOrScale(deployment: Deployment, owned: ReplicaSet[]) {
    const newSet = findNewReplicaSet(deployment, owned);
    await scaleActive(deployment, owned, newSet);
    if (deployment.spec.paused) {
      await replicaSetsOf.cleanUp(deployment, without(owned, newSet));
      const paused = condition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused');
      if (hasProgressDeadline(deployment) && (await writeCondition(deployment, paused))) return undefined;
    }
    return syncStatus(deployment, owned);
  }

  /** Brings the sets to a changed spec.replicas without moving the rollout on (sync.go scale). */
  async function scaleActive(
    deployment: Deployment,
    owned: ReplicaSet[],
    newSet: ReplicaSet | undefined,
  ): Promise<void> {
    const desired = deployment.spec.replicas ?? 1;
    const active = owned.filter((set) => replicasOf(set) > 0);
    const onlyOne = active.length <= 1 ? (active[0] ?? newSet ?? byAge(owned).at(-1)) : undefined;
    if (onlyOne) return void (await replicaSetsOf.scale(deployment, onlyOne, desired));
    if (newSet && replicasOf(newSet) === desired && newSet.status?.availableReplicas === desired) {
      for (const set of without(active, newSet)) await replicaSetsOf.scale(deployment, set, 0);
      return;
    }
    if (!isRollingUpdate(deployment)) return;
    for (const { set, replicas } of planProportionally(deployment, active))
      await replicaSetsOf.scale(deployment, set, replicas);
  }

  async function rollingUpdate(deployment: Deployment, owned: ReplicaSet[]) {
    const newSet = await replicaSetsOf.ensureNew(deployment, owned);
    if (!newSet) return;
    const old = without(owned, newSet);
    const everything = [...old, newSet];
    const wanted = wantedNewReplicas(deployment, everything, newSet);
    if (wanted !== replicasOf(newSet)) {
      const scaledUp = await replicaSetsOf.scale(deployment, newSet, wanted);
      return syncStatus(deployment, [...old, scaledUp]);
    }
    const plan = planOldSets(deployment, newSet, old);
    if (plan.length > 0) {
      for (const { set, replicas } of plan) await replicaSetsOf.scale(deployment, set, replicas);
      return syncStatus(deployment, everything);
    }
    if (isComplete(deployment, calculateStatus(deployment, everything, newSet, clock.now())))
      await replicaSetsOf.cleanUp(deployment, old);
    return syncStatus(deployment, everything);
  }

  function wantedNewReplicas(deployment: Deployment, everything: ReplicaSet[], newSet: ReplicaSet): number {
    const desired = deployment.spec.replicas ?? 1;
    if (replicasOf(newSet) > desired) return desired;
    return newSetReplicas(deployment, everything, newSet);
  }

  /** Old Pods are gone before new ones come (recreate.go). */
  async function recreate(deployment: Deployment, owned: ReplicaSet[]) {
    const existing = findNewReplicaSet(deployment, owned);
    const old = without(owned, existing);
    if (totalReplicas(old) > 0) {
      for (const set of old) await replicaSetsOf.scale(deployment, set, 0);
      return syncStatus(deployment, owned);
    }
    const running = old.some((set) =>
      allPods.byIndex('controllerUid', set.metadata.uid).some((pod) => !isTerminated(pod)),
    );
    // The sets' own status tells when the last Pod is gone: terminatingReplicas falls to 0.
    if (running) return { ...(await syncStatus(deployment, owned)), requeueAfterMs: 200 };
    const newSet = await replicaSetsOf.ensureNew(deployment, owned);
    if (!newSet) return;
    const scaledUp = await replicaSetsOf.scale(deployment, newSet, deployment.spec.replicas ?? 1);
    const everything = [...old, scaledUp];
    if (isComplete(deployment, calculateStatus(deployment, everything, scaledUp, clock.now())))
      await replicaSetsOf.cleanUp(deployment, old);
    return syncStatus(deployment, everything);
  }

  /** Writes the status if it changed; asks to come back when the progress deadline falls due. */
  async function syncStatus(deployment: Deployment, owned: ReplicaSet[]) {
    const now = clock.now();
    // Writes of this sync (conditions, revision) have made the cached object old: start from the newest known one.
    const latest = all.get(`${deployment.metadata.namespace}/${deployment.metadata.name}`) ?? deployment;
    const newSet = findNewReplicaSet(deployment, owned);
    const counted = calculateStatus(latest, owned, newSet, now);
    const status = deployment.spec.paused ? counted : withProgress(latest, owned, newSet, counted, now);
    if (!sameStatus(latest.status, status)) {
      const isNew = latest.status?.observedGeneration !== status.observedGeneration;
      const key = `${deployment.metadata.namespace}/${deployment.metadata.name}`;
      const waitMs = spacing.waitMs(
        key,
        isNew || isComplete(latest, status) || !!deployment.metadata.deletionTimestamp,
      );
      if (waitMs > 0) return { requeueAfterMs: waitMs };
      await client.update(deployments, { ...latest, status }, { subresource: 'status' });
    }
    const left = untilDeadlineMs(deployment, status, now);
    return left !== undefined && left > 0 && !isComplete(deployment, status)
      ? { requeueAfterMs: left + 1000 }
      : undefined;
  }
}

/** Maximum number of Pods in the middle of a rollout. */
export function maxReplicas(deployment: Deployment): number {
  return (deployment.spec.replicas ?? 1) + fenceposts(deployment).maxSurge;
}

function isEmptySelector({ spec: { selector } }: Deployment): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
}

function without(sets: ReplicaSet[], one: ReplicaSet | undefined): ReplicaSet[] {
  return one ? sets.filter((set) => set.metadata.uid !== one.metadata.uid) : sets;
}

function sameStatus(a: DeploymentStatus | undefined, b: DeploymentStatus): boolean {
  const text = (status: DeploymentStatus | undefined) =>
    JSON.stringify(
      Object.entries(status ?? {})
        .filter(([, value]) => value !== undefined && value !== 0)
        .sort(([x], [y]) => (x < y ? -1 : 1)),
    );
  return text(a) === text(b);
}
