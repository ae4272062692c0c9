import type { Job, JobCondition, JobStatus } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';
import { hasFailed, hasSucceeded, indexOf, isIndexed } from './job-pods.ts';
import type { JobState } from './plan-job.ts';
import { countsAsFailure } from './pod-failure-policy.ts';

/**
 * How finished Pods get into the status exactly once (KEP-2307): their uids are noted in the status, then they lose the
 * finalizer and may go, then the uids become numbers. Pure.
 */

/** At most so many uids are noted at once (MaxUncountedPods). */
const maxUncounted = 500;

export interface Tracking {
  status: JobStatus;
  /** Pods that are safe to let go once the status is written. */
  release: Pod[];
}

export function trackPods(job: Job, tracked: Pod[], state: JobState, end: JobCondition | undefined): Tracking {
  const noted = job.status?.uncountedTerminatedPods ?? {};
  const succeeded = new Set(noted.succeeded);
  const failed = new Set(noted.failed);
  const completions = job.spec.completions ?? 0;
  const completed = parseIndexes(job.status?.completedIndexes, completions);
  const kept = new Set(end ? [] : state.lastFailedByIndex.values());
  const failsAll = end?.type === 'FailureTarget' || end?.type === 'Failed';
  const release: Pod[] = [];
  for (const pod of tracked) {
    if (release.length >= maxUncounted) break;
    const { uid } = pod.metadata;
    const index = indexOf(pod);
    if (hasSucceeded(pod) && !failed.has(uid)) {
      if (!isIndexed(job)) succeeded.add(uid);
      else if (index !== undefined && index < completions) completed.add(index);
    } else if (hasFailed(pod, job) || end) {
      if (kept.has(pod)) continue;
      const counts = hasFailed(pod, job) || failsAll;
      if (counts && countsAsFailure(job.spec.podFailurePolicy, pod)) failed.add(uid);
    } else continue;
    release.push(pod);
  }
  const status: JobStatus = {
    ...job.status,
    uncountedTerminatedPods: {
      ...(succeeded.size > 0 ? { succeeded: [...succeeded] } : {}),
      ...(failed.size > 0 ? { failed: [...failed] } : {}),
    },
  };
  if (isIndexed(job)) {
    status.succeeded = completed.size || undefined;
    status.completedIndexes = formatIndexes(completed) || undefined;
    if (job.spec.backoffLimitPerIndex !== undefined) status.failedIndexes = formatIndexes(state.failedIndexes);
  }
  return { status, release };
}

/** Turns the uids of Pods that no longer hold the finalizer into numbers. */
export function countReleased(status: JobStatus, isTracked: (uid: string) => boolean): JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const left = { succeeded: succeeded.filter(isTracked), failed: failed.filter(isTracked) };
  return {
    ...status,
    succeeded: (status.succeeded ?? 0) + succeeded.length - left.succeeded.length || undefined,
    failed: (status.failed ?? 0) + failed.length - left.failed.length || undefined,
    uncountedTerminatedPods: {
      ...(left.succeeded.length > 0 ? { succeeded: left.succeeded } : {}),
      ...(left.failed.length > 0 ? { failed: left.failed } : {}),
    },
  };
}

/** Whether everything is counted. */
export function nothingUncounted({
  uncountedTerminatedPods: { succeeded = [], failed = [] } = {},
}: JobStatus): boolean {
  return succeeded.length + failed.length === 0;
}
