import type { ControllerRevision, StatefulSet } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { pods, statefulSets } from '../../api/resource.ts';
import { compileSelector } from '../../api/selectors.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { claim } from '../claim.ts';
import { controllerRevisions, createHistory, templateOf } from '../history.ts';
import { ownerReference } from '../pod-control.ts';
import { byControllerUid } from '../replicaset.ts';
import { sameStatus } from '../same-status.ts';
import { createStatefulClaims } from './claims.ts';
import { ordinalOf, podName, podTemplate, revisionLabel } from './identity.ts';
import { planStatefulPods, type Revisions, type StatefulPlan, sortPods, statefulSetStatus } from './plan-pods.ts';

/** Runs Pods that keep their names and volumes, one after the other (kubernetes pkg/controller/statefulset). */
export function statefulSetController(context: ControllerContext): Controller {
  const { client, informers, events, clock } = context;
  const all = informers.informer(statefulSets);
  const allPods = informers.informer(pods, { indexes: byControllerUid });
  const history = createHistory(context);
  const claims = createStatefulClaims(context);

  return {
    name: 'statefulset',
    for: statefulSets,
    owns: [pods, controllerRevisions],
    minIntervalMs: 25,
    reconcile: async (key) => {
      const set = all.get(key);
      if (!set) return;
      const owned = await claimPods(set);
      const known = await history.of(set);
      const newest = await history.ensure(set, known, 'controller.kubernetes.io/hash');
      if (!newest) return noteCollision(set);
      const revisions = revisionsOf(set, known, newest);
      const plan = planStatefulPods(set, owned, revisions, clock.now());
      // The status comes first: it says how far the roll-out is even if a creation fails.
      await writeStatus(set, owned, revisions);
      if (!set.metadata.deletionTimestamp) {
        await ownClaims(set, owned);
        await carryOut(set, plan, [...known, newest]);
      }
      const inUse = new Set([revisions.current, revisions.update, ...owned.map(revisionName)]);
      await history.trim(known, inUse, set.spec.revisionHistoryLimit ?? 10);
      return plan.afterMs !== undefined ? { requeueAfterMs: plan.afterMs } : undefined;
    },
  };

  async function claimPods(set: StatefulSet): Promise<Pod[]> {
    const selects = compileSelector(set.spec.selector);
    const candidates = [
      ...allPods.byIndex('controllerUid', set.metadata.uid),
      ...allPods
        .byIndex('controllerUid', `orphan/${set.metadata.namespace}`)
        .filter((pod) => ordinalOf(set, pod) !== undefined && selects(pod.metadata.labels)),
    ];
    return claim({ client, resource: pods, owner: set, selector: set.spec.selector, candidates });
  }

  async function noteCollision(set: StatefulSet): Promise<void> {
    const status = { ...set.status, replicas: set.status?.replicas ?? 0 };
    status.collisionCount = (status.collisionCount ?? 0) + 1;
    await client.update(statefulSets, { ...set, status }, { subresource: 'status' });
  }

  async function writeStatus(set: StatefulSet, owned: Pod[], revisions: Revisions): Promise<void> {
    const status = statefulSetStatus(set, owned, revisions, clock.now());
    if (sameStatus(set.status, status)) return;
    await client.update(statefulSets, { ...set, status }, { subresource: 'status' });
  }

  async function ownClaims(set: StatefulSet, owned: Pod[]): Promise<void> {
    if (!set.spec.volumeClaimTemplates?.length) return;
    const { wanted, condemned } = sortPods(set, owned);
    for (const pod of wanted) if (pod) await claims.own(set, pod, false);
    for (const pod of condemned) await claims.own(set, pod, true);
  }

  async function carryOut(set: StatefulSet, plan: StatefulPlan, known: ControllerRevision[]): Promise<void> {
    await Promise.all([
      ...plan.create.map(({ ordinal, revision }) => createPod(set, ordinal, revision, known)),
      ...plan.remove.map(({ pod, why }) => removePod(set, pod, why)),
    ]);
  }

  async function createPod(set: StatefulSet, ordinal: number, revision: string, known: ControllerRevision[]) {
    const name = podName(set, ordinal);
    const found = known.find((one) => one.metadata.name === revision);
    const { metadata, spec } = podTemplate(set, found ? templateOf(found) : set.spec.template, ordinal, revision);
    try {
      await claims.ensure(set, ordinal);
      await client.create(pods, {
        metadata: { ...metadata, name, namespace: set.metadata.namespace, ownerReferences: [ownerReference(set)] },
        spec: spec ?? { containers: [] },
      });
      events.event(
        set,
        'Normal',
        'SuccessfulCreate',
        `create Pod ${name} in StatefulSet ${set.metadata.name} successful`,
      );
    } catch (error) {
      if (hasReason(error, 'AlreadyExists')) return;
      const message = `create Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${(error as Error).message}`;
      events.event(set, 'Warning', 'FailedCreate', message);
      throw error;
    }
  }

  async function removePod(set: StatefulSet, pod: Pod, why: StatefulPlan['remove'][number]['why']): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    if (why === 'ended') {
      const failed = pod.status?.phase === 'Failed';
      const [type, reason, what] = failed
        ? (['Warning', 'RecreatingFailedPod', 'failed'] as const)
        : (['Normal', 'RecreatingTerminatedPod', 'terminated'] as const);
      events.event(set, type, reason, `StatefulSet ${keyOf(set)} is recreating ${what} Pod ${name}`);
    }
    try {
      await client.delete(pods, name, namespace, { preconditions: { uid } });
      events.event(
        set,
        'Normal',
        'SuccessfulDelete',
        `delete Pod ${name} in StatefulSet ${set.metadata.name} successful`,
      );
    } catch (error) {
      if (hasReason(error, 'NotFound')) return;
      const message = `delete Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${(error as Error).message}`;
      events.event(set, 'Warning', 'FailedDelete', message);
      throw error;
    }
  }
}

const revisionName = (pod: Pod) => pod.metadata.labels?.[revisionLabel] ?? '';

/** A set that never finished a roll-out starts with the newest revision. */
function revisionsOf(set: StatefulSet, known: ControllerRevision[], newest: ControllerRevision): Revisions {
  const update = newest.metadata.name;
  const current = set.status?.currentRevision;
  return { update, current: current && known.some((one) => one.metadata.name === current) ? current : update };
}
