import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { PodTemplateSpec } from '../../api/generated/core-v1.ts';
import { canonical, safeHash } from '../template-hash.ts';

/** Revisions and template hashes of a Deployment's ReplicaSets (kubernetes pkg/controller/deployment/util/deployment_util.go). */

export const hashLabel = 'pod-template-hash';
export const revisionAnnotation = 'deployment.kubernetes.io/revision';
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';

/** Annotations of the Deployment that its ReplicaSets do not get. */
const ownAnnotations = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  'deprecated.deployment.rollback.to',
]);

/** 64 bits, as others may have put any number there. */
export function revisionOf(object: Deployment | ReplicaSet): bigint {
  const text = object.metadata.annotations?.[revisionAnnotation] ?? '';
  return /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
}

/** The newest revision among the sets. */
export function maxRevision(sets: ReplicaSet[]): bigint {
  let newest = 0n;
  for (const set of sets) if (revisionOf(set) > newest) newest = revisionOf(set);
  return newest;
}

/** The set whose template is the Deployment's, the oldest if there are several. */
export function findNewReplicaSet(deployment: Deployment, sets: ReplicaSet[]): ReplicaSet | undefined {
  const wanted = templateText(deployment.spec.template);
  return byAge(sets).find((set) => templateText(set.spec.template ?? {}) === wanted);
}

export function byAge(sets: ReplicaSet[]): ReplicaSet[] {
  return [...sets].sort(
    (a, b) =>
      Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp) ||
      a.metadata.name.localeCompare(b.metadata.name),
  );
}

/** The hash that names the ReplicaSet of a template. */
export function templateHash(template: PodTemplateSpec, collisionCount = 0): string {
  return safeHash(`${templateText(template)}${collisionCount || ''}`);
}

/** The template in one canonical text, without the label that the controller itself adds. */
function templateText(template: PodTemplateSpec): string {
  const { [hashLabel]: _hash, ...labels } = template.metadata?.labels ?? {};
  return canonical({ ...template, metadata: { ...template.metadata, labels } });
}

/** Annotations of a ReplicaSet at this revision: the Deployment's, and the record of former revisions. */
export function replicaSetAnnotations(deployment: Deployment, set: ReplicaSet | undefined, revision: bigint) {
  const current = set?.metadata.annotations ?? {};
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !ownAnnotations.has(name));
  const annotations: Record<string, string> = { ...current, ...Object.fromEntries(copied) };
  const old = set ? revisionOf(set) : 0n;
  if (old >= revision) return annotations;
  annotations[revisionAnnotation] = String(revision);
  if (old > 0n) {
    const history = (current[revisionHistoryAnnotation] ?? '').split(',').filter(Boolean);
    if (!history.includes(String(old))) annotations[revisionHistoryAnnotation] = [...history, old].join(',');
  }
  return annotations;
}

/** Annotations that tell a later scaling what this one wanted. */
export function replicasAnnotations(desired: number, max: number): Record<string, string> {
  return { [desiredReplicasAnnotation]: String(desired), [maxReplicasAnnotation]: String(max) };
}
