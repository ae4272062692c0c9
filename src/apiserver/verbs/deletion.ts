import type { DeleteOptions } from '../../api/generated/meta-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { formatTime } from '../../api/time.ts';
import type { Strategy } from '../strategy.ts';

/** Finalizers through which the garbage collector handles dependents first (apimachinery pkg/apis/meta/v1/types.go). */
const orphanDependents = 'orphan';
const deleteDependents = 'foregroundDeletion';

/** What a DELETE comes to. `mark`: the object stays for now, changed in place. `pending`: nothing to do, it is going already. */
export type DeletePlan = 'remove' | 'mark' | 'pending';

/**
 * Decides a DELETE, and changes `object` if it has to stay for a while (apiserver pkg/registry/rest/delete.go
 * BeforeDelete and generic/registry/store.go updateForGracefulDeletionAndFinalizers).
 */
export function planDeletion(
  object: KubeObject,
  options: DeleteOptions,
  strategy: Strategy,
  nowMs: number,
): DeletePlan {
  const grace = planGrace(object, options, strategy, nowMs);
  if (grace === 'pending') return 'pending';
  setFinalizers(object, deletionFinalizers(object, options, strategy));
  const held = isHeld(object);
  if (grace === 'at once') {
    if (!held) return 'remove';
    markDeleted(object, nowMs);
    return 'mark';
  }
  return held || (object.metadata.deletionGracePeriodSeconds ?? 0) > 0 ? 'mark' : 'remove';
}

/** Whether an update has removed what still held a deleted object back (ShouldDeleteDuringUpdate). */
export function isReadyToVanish(object: KubeObject, old: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = old.metadata;
  return Boolean(deletionTimestamp) && !deletionGracePeriodSeconds && !isHeld(object);
}

/** Finalizers of the metadata, and of the spec for namespaces. */
function isHeld(object: KubeObject): boolean {
  if (object.metadata.finalizers?.length) return true;
  return object.kind === 'Namespace' && Boolean((object as NamespaceLike).spec?.finalizers?.length);
}

type NamespaceLike = KubeObject & { spec?: { finalizers?: string[] }; status?: { phase?: string } };

function planGrace(
  object: KubeObject,
  options: DeleteOptions,
  strategy: Strategy,
  nowMs: number,
): 'pending' | 'graceful' | 'at once' {
  const graceOf = strategy.kind.gracePeriodSeconds;
  const { metadata } = object;
  if (!graceOf) return 'at once';
  if (metadata.deletionTimestamp) {
    const current = metadata.deletionGracePeriodSeconds;
    if (!current) return 'at once';
    const asked = options.gracePeriodSeconds;
    // Only a shorter period may be asked for.
    if (asked === undefined || asked >= current) return 'pending';
    const deletedMs = Date.parse(metadata.deletionTimestamp);
    metadata.deletionTimestamp = formatTime(new Date(deletedMs + (asked - current) * 1000));
    metadata.deletionGracePeriodSeconds = asked;
    return 'graceful';
  }
  const seconds = Math.max(0, graceOf(object, options.gracePeriodSeconds));
  metadata.deletionTimestamp = formatTime(new Date(nowMs + seconds * 1000));
  metadata.deletionGracePeriodSeconds = seconds;
  if (metadata.generation) metadata.generation++;
  return 'graceful';
}

/** markAsDeleting: the object only waits for its finalizers. */
function markDeleted(object: KubeObject, nowMs: number): void {
  const { metadata } = object;
  if (!metadata.deletionTimestamp && metadata.generation) metadata.generation++;
  if (!metadata.deletionTimestamp || Date.parse(metadata.deletionTimestamp) > nowMs) {
    metadata.deletionTimestamp = formatTime(new Date(nowMs));
  }
  if (object.kind === 'Namespace' && object.apiVersion === 'v1') {
    // pkg/registry/core/namespace/storage: its own finalizers, its own phase, and no grace period.
    const namespace = object as NamespaceLike;
    namespace.status = { ...namespace.status, phase: 'Terminating' };
    return;
  }
  metadata.deletionGracePeriodSeconds = 0;
}

function setFinalizers(object: KubeObject, finalizers: string[]): void {
  if (finalizers.length > 0) object.metadata.finalizers = finalizers;
  else delete object.metadata.finalizers;
}

function deletionFinalizers(object: KubeObject, options: DeleteOptions, strategy: Strategy): string[] {
  const current = object.metadata.finalizers ?? [];
  const others = current.filter((name) => name !== orphanDependents && name !== deleteDependents);
  const policy = propagation(current, options, strategy);
  if (policy === 'Orphan') others.push(orphanDependents);
  if (policy === 'Foreground') others.push(deleteDependents);
  return others;
}

/** An explicit policy, else that of a finalizer set earlier, else the kind's (shouldOrphanDependents, shouldDeleteDependents). */
function propagation(finalizers: string[], options: DeleteOptions, strategy: Strategy): string {
  if (options.orphanDependents !== undefined) return options.orphanDependents ? 'Orphan' : 'Background';
  if (options.propagationPolicy) return options.propagationPolicy;
  if (finalizers.includes(orphanDependents)) return 'Orphan';
  if (finalizers.includes(deleteDependents)) return 'Foreground';
  return strategy.orphansByDefault ? 'Orphan' : 'Background';
}
