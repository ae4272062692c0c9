import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import { controllerOf } from '../../api/object.ts';
import { deployments, replicaSets } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { ownerReference } from '../pod-control.ts';
import { fenceposts, newSetReplicas, replicasOf } from './plan-rollout.ts';
import {
  byAge,
  findNewReplicaSet,
  hashLabel,
  maxRevision,
  replicaSetAnnotations,
  replicasAnnotations,
  revisionAnnotation,
  revisionOf,
  templateHash,
} from './revision.ts';
import { condition, hasProgressDeadline, setCondition } from './status.ts';

/** What a Deployment does to its ReplicaSets: make the new one, scale, forget old ones. */
export interface DeploymentReplicaSets {
  /** The set of the current template, made if it is not there; undefined when its name was taken and the next sync tries another. */
  ensureNew(deployment: Deployment, owned: ReplicaSet[]): Promise<ReplicaSet | undefined>;
  /** Sets the number of replicas, and the annotations that go with it, if they differ. */
  scale(deployment: Deployment, set: ReplicaSet, replicas: number): Promise<ReplicaSet>;
  /** Deletes the oldest empty sets beyond spec.revisionHistoryLimit. */
  cleanUp(deployment: Deployment, old: ReplicaSet[]): Promise<void>;
}

export function createReplicaSets({ client, events, clock }: ControllerContext): DeploymentReplicaSets {
  return { ensureNew, scale, cleanUp };

  async function ensureNew(deployment: Deployment, owned: ReplicaSet[]): Promise<ReplicaSet | undefined> {
    const found = findNewReplicaSet(deployment, owned);
    const others = owned.filter((set) => set !== found);
    const next = maxRevision(others) + 1n;
    const revision = found && revisionOf(found) > next ? revisionOf(found) : next;
    if (!found) return create(deployment, owned, revision);
    const annotations = replicaSetAnnotations(deployment, found, revision);
    const minReadySeconds = deployment.spec.minReadySeconds;
    const changed =
      !sameMap(annotations, found.metadata.annotations) || (found.spec.minReadySeconds ?? 0) !== (minReadySeconds ?? 0);
    const set = changed
      ? await client.update(replicaSets, {
          ...found,
          metadata: { ...found.metadata, annotations },
          spec: { ...found.spec, minReadySeconds },
        })
      : found;
    await noteRevision(deployment, set, 'FoundNewReplicaSet', `Found new replica set "${set.metadata.name}"`);
    return set;
  }

  async function create(
    deployment: Deployment,
    owned: ReplicaSet[],
    revision: bigint,
  ): Promise<ReplicaSet | undefined> {
    const hash = templateHash(deployment.spec.template, deployment.status?.collisionCount);
    const labels = { ...deployment.spec.template.metadata?.labels, [hashLabel]: hash };
    const { selector } = deployment.spec;
    const replicas = newSetReplicas(deployment, owned, undefined);
    try {
      const set = await client.create(replicaSets, {
        metadata: {
          name: `${deployment.metadata.name}-${hash}`,
          namespace: deployment.metadata.namespace,
          labels,
          annotations: {
            ...replicaSetAnnotations(deployment, undefined, revision),
            ...replicasAnnotations(
              deployment.spec.replicas ?? 1,
              (deployment.spec.replicas ?? 1) + fenceposts(deployment).maxSurge,
            ),
          },
          ownerReferences: [ownerReference(deployment)],
        },
        spec: {
          replicas,
          minReadySeconds: deployment.spec.minReadySeconds,
          selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
          template: { ...deployment.spec.template, metadata: { ...deployment.spec.template.metadata, labels } },
        },
      });
      if (replicas > 0)
        events.event(
          deployment,
          'Normal',
          'ScalingReplicaSet',
          `Scaled up replica set ${set.metadata.name} from 0 to ${replicas}`,
        );
      await noteRevision(deployment, set, 'NewReplicaSetCreated', `Created new replica set "${set.metadata.name}"`);
      return set;
    } catch (error) {
      if (hasReason(error, 'AlreadyExists')) return nameTaken(deployment, `${deployment.metadata.name}-${hash}`);
      await noteFailure(deployment, error as Error);
      throw error;
    }
  }

  /** Ours with the same template: the cache was behind. Somebody else's: a hash collision, so the next hash differs. */
  async function nameTaken(deployment: Deployment, name: string): Promise<ReplicaSet | undefined> {
    const existing = await client.get(replicaSets, name, deployment.metadata.namespace);
    const ours = controllerOf(existing)?.uid === deployment.metadata.uid;
    if (ours && findNewReplicaSet(deployment, [existing])) return existing;
    const status = { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 };
    await client.update(deployments, { ...deployment, status }, { subresource: 'status' });
    return undefined;
  }

  /** Copies the revision to the Deployment and notes the set in the Progressing condition. */
  async function noteRevision(deployment: Deployment, set: ReplicaSet, reason: string, message: string): Promise<void> {
    const revision = String(revisionOf(set));
    let current = deployment;
    if (deployment.metadata.annotations?.[revisionAnnotation] !== revision) {
      const annotations = { ...deployment.metadata.annotations, [revisionAnnotation]: revision };
      current = await client.update(deployments, { ...deployment, metadata: { ...deployment.metadata, annotations } });
    }
    const known = current.status?.conditions?.some((one) => one.type === 'Progressing');
    if (!hasProgressDeadline(deployment) || (known && reason === 'FoundNewReplicaSet')) return;
    const conditions = setCondition(
      current.status?.conditions ?? [],
      condition('Progressing', 'True', reason, message),
      clock.now(),
    );
    await client.update(
      deployments,
      { ...current, status: { ...current.status, conditions } },
      { subresource: 'status' },
    );
  }

  async function noteFailure(deployment: Deployment, error: Error): Promise<void> {
    const message = `Failed to create new replica set: ${error.message}`;
    events.event(deployment, 'Warning', 'ReplicaSetCreateError', message);
    if (!hasProgressDeadline(deployment)) return;
    const failed = condition('Progressing', 'False', 'ReplicaSetCreateError', message);
    const conditions = setCondition(deployment.status?.conditions ?? [], failed, clock.now());
    await client.update(
      deployments,
      { ...deployment, status: { ...deployment.status, conditions } },
      { subresource: 'status' },
    );
  }

  async function scale(deployment: Deployment, set: ReplicaSet, replicas: number): Promise<ReplicaSet> {
    const desired = deployment.spec.replicas ?? 1;
    const annotations = {
      ...set.metadata.annotations,
      ...replicasAnnotations(desired, desired + fenceposts(deployment).maxSurge),
    };
    const from = replicasOf(set);
    if (from === replicas && sameMap(annotations, set.metadata.annotations)) return set;
    const scaled = await client.update(replicaSets, {
      ...set,
      metadata: { ...set.metadata, annotations },
      spec: { ...set.spec, replicas },
    });
    if (from !== replicas) {
      const direction = replicas > from ? 'up' : 'down';
      const message = `Scaled ${direction} replica set ${set.metadata.name} from ${from} to ${replicas}`;
      events.event(deployment, 'Normal', 'ScalingReplicaSet', message);
    }
    return scaled;
  }

  async function cleanUp(deployment: Deployment, old: ReplicaSet[]): Promise<void> {
    const limit = deployment.spec.revisionHistoryLimit ?? 10;
    const candidates = old.filter(
      (set) =>
        !set.metadata.deletionTimestamp &&
        replicasOf(set) === 0 &&
        (set.status?.replicas ?? 0) === 0 &&
        (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0),
    );
    const surplus = Math.max(0, old.length - limit);
    const byRevision = byAge(candidates).sort((a, b) => Number(revisionOf(a) - revisionOf(b)));
    for (const set of byRevision.slice(0, surplus)) {
      try {
        await client.delete(replicaSets, set.metadata.name, set.metadata.namespace);
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
    }
  }
}

function sameMap(a: Record<string, string>, b: Record<string, string> = {}): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
