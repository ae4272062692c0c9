import type { ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '../api/generated/apps-v1.ts';
import type { Pod } from '../api/generated/core-v1.ts';
import { controllerOf, type KubeObject, keyOf, type LabelSelector } from '../api/object.ts';
import { pods, type Resource, replicaSets } from '../api/resource.ts';
import { compileSelector } from '../api/selectors.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';
import { claim } from './claim.ts';
import { Expectations } from './expectations.ts';
import { planReplicas } from './plan-replicas.ts';
import { createPodControl, isNamespaceTerminating, slowStart } from './pod-control.ts';
import { isActive, isAvailable, isReady, isTerminated, untilAvailableMs } from './pod-state.ts';
import { StatusSpacing } from './status-spacing.ts';

/** Index of Pods by the uid of their controller, with '' for orphans by namespace. */
export const byControllerUid = {
  controllerUid: (object: KubeObject) => [controllerOf(object)?.uid ?? `orphan/${object.metadata.namespace}`],
};

/** Keeps a ReplicaSet's number of Pods (kubernetes pkg/controller/replicaset/replica_set.go). */
export const replicaSetController = (context: ControllerContext) =>
  replicaController(context, {
    name: 'replicaset',
    resource: replicaSets,
    selectorOf: ({ spec }) => spec.selector,
    countsTerminating: true,
  });

/** What distinguishes the two kinds that keep a number of Pods. */
interface ReplicaKind {
  name: string;
  resource: Resource<ReplicaSet>;
  selectorOf(set: ReplicaSet): LabelSelector | undefined;
  /** Whether its status has terminatingReplicas. */
  countsTerminating: boolean;
}

/** The controller of ReplicaSets and of their forerunner, the ReplicationController. */
export function replicaController(context: ControllerContext, kind: ReplicaKind): Controller {
  const { client, informers, clock } = context;
  const sets = informers.informer(kind.resource, { indexes: byControllerUid });
  const allPods = informers.informer(pods, { indexes: byControllerUid });
  const podControl = createPodControl(context);
  const expectations = new Expectations(clock);
  const spacing = new StatusSpacing(clock);

  const ownerKeyOf = (pod: Pod) => {
    const owner = controllerOf(pod);
    return owner?.kind === kind.resource.kind ? `${pod.metadata.namespace}/${owner.name}` : undefined;
  };
  allPods.on({
    added: (pod) => {
      const key = ownerKeyOf(pod);
      if (key) expectations.created(key);
    },
    updated: (pod) => {
      const key = ownerKeyOf(pod);
      if (key && pod.metadata.deletionTimestamp) expectations.deleted(key, pod.metadata.uid);
    },
    deleted: (pod) => {
      const key = ownerKeyOf(pod);
      if (key) expectations.deleted(key, pod.metadata.uid);
    },
  });

  return {
    name: kind.name,
    for: kind.resource,
    owns: [pods],
    watches: [{ resource: pods, keys: (pod: Pod) => (controllerOf(pod) ? [] : setsSelecting(pod)) }],
    minIntervalMs: 25,
    reconcile: async (key) => {
      const set = sets.get(key);
      if (!set) {
        expectations.forget(key);
        spacing.forget(key);
        return;
      }
      const claimed = await claimPods(set);
      const active = claimed.filter(isActive);
      const failure =
        expectations.satisfied(key) && !set.metadata.deletionTimestamp ? await manage(key, set, active) : undefined;
      const waitMs = await writeStatus(key, set, claimed, failure);
      if (failure) throw failure.error;
      return waitMs > 0 ? { requeueAfterMs: waitMs } : untilNextAvailable(set, active);
    },
  };

  function setsSelecting(pod: Pod): string[] {
    return sets
      .list(pod.metadata.namespace)
      .filter((set) => compileSelector(kind.selectorOf(set))(pod.metadata.labels))
      .map(keyOf);
  }

  function claimPods(set: ReplicaSet): Promise<Pod[]> {
    const candidates = [
      ...allPods.byIndex('controllerUid', set.metadata.uid),
      ...allPods.byIndex('controllerUid', `orphan/${set.metadata.namespace}`).filter((pod) => !isTerminated(pod)),
    ];
    return claim({ client, resource: pods, owner: set, selector: kind.selectorOf(set), candidates });
  }

  /** Creates or deletes towards spec.replicas; returns what went wrong. */
  async function manage(key: string, set: ReplicaSet, active: Pod[]): Promise<Failure | undefined> {
    const plan = planReplicas(active, set.spec.replicas ?? 1, relatedPods(set), clock.now());
    if (plan.create > 0) {
      expectations.expectCreations(key, plan.create);
      const template = set.spec.template ?? {};
      const { tried, errors } = await slowStart(plan.create, () => podControl.create(set, template));
      // What was not created will never be seen.
      for (let i = 0; i < plan.create - tried + errors.length; i++) expectations.created(key);
      const error = errors.find((one) => !isNamespaceTerminating(one));
      if (error) return { reason: 'FailedCreate', error: error as Error };
    }
    for (const pod of plan.remove) expectations.expectDeletion(key, pod.metadata.uid);
    const results = await Promise.allSettled(plan.remove.map((pod) => podControl.delete(set, pod)));
    const failed = results.flatMap((result, i) =>
      result.status === 'rejected' ? [{ i, error: result.reason as Error }] : [],
    );
    for (const { i } of failed) expectations.deleted(key, plan.remove[i]?.metadata.uid ?? '');
    return failed[0] && { reason: 'FailedDelete', error: failed[0].error };
  }

  /** Active Pods of every ReplicaSet of the same owner: a crowded node is one that they crowd together. */
  function relatedPods(set: ReplicaSet): Pod[] {
    const owner = controllerOf(set);
    const siblings = owner ? sets.byIndex('controllerUid', owner.uid) : [set];
    return siblings.flatMap((sibling) => allPods.byIndex('controllerUid', sibling.metadata.uid)).filter(isActive);
  }

  /** Milliseconds after which it is to be tried again; 0 when the status is as it should be. */
  async function writeStatus(
    key: string,
    set: ReplicaSet,
    claimed: Pod[],
    failure: Failure | undefined,
  ): Promise<number> {
    const status = replicaSetStatus(set, claimed, failure, clock.now());
    if (!kind.countsTerminating) status.terminatingReplicas = undefined;
    if (sameStatus(set.status, status)) return 0;
    const waitMs = spacing.waitMs(key, isSettled(set, status) || !!failure);
    if (waitMs > 0) return waitMs;
    await client.update(kind.resource, { ...set, status }, { subresource: 'status' });
    return 0;
  }

  function untilNextAvailable(set: ReplicaSet, active: Pod[]) {
    const waits = active.flatMap((pod) => untilAvailableMs(pod, set.spec.minReadySeconds ?? 0, clock.now()) || []);
    return waits.length > 0 ? { requeueAfterMs: Math.min(...waits) } : undefined;
  }
}

/** Everything that is wanted is there and ready, and the spec has been seen. */
function isSettled(set: ReplicaSet, status: ReplicaSetStatus): boolean {
  const wanted = set.spec.replicas ?? 1;
  const isNew = set.status?.observedGeneration !== status.observedGeneration;
  return isNew || ((status.replicas ?? 0) === wanted && (status.readyReplicas ?? 0) === wanted);
}

interface Failure {
  reason: 'FailedCreate' | 'FailedDelete';
  error: Error;
}

/** The status that the Pods call for (replica_set_utils.go calculateStatus). */
export function replicaSetStatus(
  set: ReplicaSet,
  claimed: Pod[],
  failure: Failure | undefined,
  nowMs: number,
): ReplicaSetStatus {
  const active = claimed.filter(isActive);
  const templateLabels = Object.entries(set.spec.template?.metadata?.labels ?? {});
  const count = (test: (pod: Pod) => boolean) => active.filter(test).length || undefined;
  const terminating = claimed.filter((pod) => pod.metadata.deletionTimestamp && !isTerminated(pod)).length;
  return {
    replicas: active.length,
    fullyLabeledReplicas: count((pod) =>
      templateLabels.every(([name, value]) => pod.metadata.labels?.[name] === value),
    ),
    readyReplicas: count(isReady),
    availableReplicas: count((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)),
    terminatingReplicas: terminating,
    observedGeneration: set.metadata.generation,
    conditions: withFailure(set.status?.conditions ?? [], failure, nowMs),
  };
}

function withFailure(conditions: ReplicaSetCondition[], failure: Failure | undefined, nowMs: number) {
  const others = conditions.filter((condition) => condition.type !== 'ReplicaFailure');
  if (!failure) return others.length > 0 ? others : undefined;
  const current = conditions.find((condition) => condition.type === 'ReplicaFailure');
  if (current?.reason === failure.reason) return conditions;
  return [
    ...others,
    {
      type: 'ReplicaFailure',
      status: 'True',
      reason: failure.reason,
      message: failure.error.message,
      lastTransitionTime: new Date(nowMs).toISOString().replace(/\.\d+/, ''),
    },
  ];
}

function sameStatus(a: ReplicaSetStatus | undefined, b: ReplicaSetStatus): boolean {
  if (!a) return false;
  const keys = [
    'replicas',
    'fullyLabeledReplicas',
    'readyReplicas',
    'availableReplicas',
    'terminatingReplicas',
    'observedGeneration',
  ] as const;
  return (
    keys.every((key) => (a[key] ?? 0) === (b[key] ?? 0)) &&
    JSON.stringify(a.conditions ?? []) === JSON.stringify(b.conditions ?? [])
  );
}
