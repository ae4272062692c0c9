import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { PodTemplateSpec } from '../../api/generated/core-v1.ts';

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

export function revisionOf(object: Deployment | ReplicaSet): number {
  return Number(object.metadata.annotations?.[revisionAnnotation] ?? 0) || 0;
}

/** The newest revision among the sets. */
export function maxRevision(sets: ReplicaSet[]): number {
  return Math.max(0, ...sets.map(revisionOf));
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

/** FNV-1a over the template's canonical text and the collision count, in letters that make no words (rand.SafeEncodeString). */
export function templateHash(template: PodTemplateSpec, collisionCount = 0): string {
  const safe = 'bcdfghjklmnpqrstvwxz2456789';
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${templateText(template)}${collisionCount || ''}`))
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return [...String(hash)].map((digit) => safe[digit.charCodeAt(0) % safe.length]).join('');
}

/** The template in one canonical text, without the label that the controller itself adds. */
function templateText(template: PodTemplateSpec): string {
  const { [hashLabel]: _hash, ...labels } = template.metadata?.labels ?? {};
  return canonical({ ...template, metadata: { ...template.metadata, labels } });
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value)
    .filter(([, entry]) => entry !== undefined && entry !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${canonical(entry)}`).join(',')}}`;
}

/** Annotations of a ReplicaSet at this revision: the Deployment's, and the record of former revisions. */
export function replicaSetAnnotations(deployment: Deployment, set: ReplicaSet | undefined, revision: number) {
  const current = set?.metadata.annotations ?? {};
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !ownAnnotations.has(name));
  const annotations: Record<string, string> = { ...current, ...Object.fromEntries(copied) };
  const old = set ? revisionOf(set) : 0;
  if (old >= revision) return annotations;
  annotations[revisionAnnotation] = String(revision);
  if (old > 0) {
    const history = (current[revisionHistoryAnnotation] ?? '').split(',').filter(Boolean);
    if (!history.includes(String(old))) annotations[revisionHistoryAnnotation] = [...history, old].join(',');
  }
  return annotations;
}

/** Annotations that tell a later scaling what this one wanted. */
export function replicasAnnotations(desired: number, max: number): Record<string, string> {
  return { [desiredReplicasAnnotation]: String(desired), [maxReplicasAnnotation]: String(max) };
}
