import type { Job, JobCondition } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { deletionOrder } from '../plan-replicas.ts';
import { isActive, isReady, isTerminated } from '../pod-state.ts';
import { parseIndexes } from './indexes.ts';
import {
  failureCount,
  finishedAtMs,
  hasFailed,
  hasSucceeded,
  indexOf,
  isIndexed,
  onlyReplacesFailed,
  perIndex,
} from './job-pods.ts';
import { countsAsFailure, matchFailurePolicy } from './pod-failure-policy.ts';
import { matchSuccessPolicy } from './success-policy.ts';

/** What a Job needs next (kubernetes pkg/controller/job/job_controller.go syncJob, manageJob). Pure. */

/** At most so many Pods are created or deleted in one go. */
const maxPodsPerSync = 500;
const firstBackoffMs = 10_000;
const maxBackoffMs = 600_000;

/** The Pods of a Job, sorted by what they mean for it. */
export interface JobState {
  active: Pod[];
  terminating: number;
  ready: number;
  succeeded: number;
  failed: number;
  succeededIndexes: Set<number>;
  failedIndexes: Set<number>;
  /** The last failed Pod of each index that has no successor yet: it keeps the count (backoffLimitPerIndex). */
  lastFailedByIndex: Map<number, Pod>;
}

/** Failures since the last success: they delay the next Pod. */
export interface BackoffRecord {
  failures: number;
  lastFailureMs: number;
}

export interface JobPlan {
  /** Why the Job is over, as an interim condition (SuccessCriteriaMet or FailureTarget). */
  end: JobCondition | undefined;
  remove: Pod[];
  /** One entry a Pod to create: its index, or undefined in Jobs without. */
  create: (number | undefined)[];
  /** Look again after so many milliseconds. */
  afterMs: number | undefined;
}

/** `uncounted` are finished Pods that still hold the finalizer, or whose uid is noted in the status. */
export function jobState(job: Job, pods: Pod[], isTracked: (pod: Pod) => boolean): JobState {
  const noted = job.status?.uncountedTerminatedPods ?? {};
  const known = new Set([...(noted.succeeded ?? []), ...(noted.failed ?? [])]);
  const fresh = pods.filter((pod) => isTracked(pod) && !known.has(pod.metadata.uid));
  const policy = job.spec.podFailurePolicy;
  const active = pods.filter(isActive);
  const completions = job.spec.completions ?? 0;
  const succeededIndexes = parseIndexes(job.status?.completedIndexes, completions);
  const failedIndexes = parseIndexes(job.status?.failedIndexes, completions);
  const state: JobState = {
    active,
    terminating: pods.filter((pod) => pod.metadata.deletionTimestamp && !isTerminated(pod)).length,
    ready: active.filter(isReady).length,
    succeeded: (job.status?.succeeded ?? 0) + (noted.succeeded?.length ?? 0) + fresh.filter(hasSucceeded).length,
    failed:
      (job.status?.failed ?? 0) +
      (noted.failed?.length ?? 0) +
      fresh.filter((pod) => hasFailed(pod, job) && countsAsFailure(policy, pod)).length,
    succeededIndexes,
    failedIndexes,
    lastFailedByIndex: new Map(),
  };
  if (isIndexed(job)) addIndexes(state, job, pods.filter(isTracked), completions);
  return state;
}

function addIndexes(state: JobState, job: Job, tracked: Pod[], completions: number): void {
  for (const pod of tracked) {
    const index = indexOf(pod);
    if (index === undefined || index >= completions) continue;
    if (hasSucceeded(pod)) state.succeededIndexes.add(index);
    else if (perIndex(job) && hasFailed(pod, job)) {
      const { action } = matchFailurePolicy(job.spec.podFailurePolicy, pod);
      const spent = action !== 'Ignore' && failureCount(pod) >= (job.spec.backoffLimitPerIndex ?? 0);
      if (action === 'FailIndex' || spent) state.failedIndexes.add(index);
      const other = state.lastFailedByIndex.get(index);
      if (!other || failureCount(other) <= failureCount(pod)) state.lastFailedByIndex.set(index, pod);
    }
  }
  for (const index of state.succeededIndexes) state.failedIndexes.delete(index);
  for (const pod of state.active) state.lastFailedByIndex.delete(indexOf(pod) ?? -1);
  for (const index of [...state.succeededIndexes, ...state.failedIndexes]) state.lastFailedByIndex.delete(index);
  state.succeeded = state.succeededIndexes.size;
}

/** `satisfied`: whether the cache shows all that was done before. */
export function planJob(
  job: Job,
  state: JobState,
  pods: Pod[],
  now: { ms: number; satisfied: boolean; backoff: BackoffRecord },
): JobPlan {
  const deadlineMs = untilDeadlineMs(job, now.ms);
  const failure = failureOf(job, state, pods, deadlineMs);
  const end = existingEnd(job) ?? failure ?? policySuccess(job, state);
  if (end) return { end, remove: state.active, create: [], afterMs: undefined };
  const plan: JobPlan = { end: undefined, remove: [], create: [], afterMs: deadlineMs };
  if (now.satisfied && !job.metadata.deletionTimestamp) planPods(plan, job, state, now);
  const { completions } = job.spec;
  const enough = completions === undefined ? state.succeeded > 0 : state.succeeded >= completions;
  const allDone = isIndexed(job) && perIndex(job) && state.succeeded + state.failedIndexes.size >= (completions ?? 0);
  if (state.active.length > 0 || plan.create.length > 0) return plan;
  if (enough && now.satisfied)
    plan.end = condition('SuccessCriteriaMet', 'CompletionsReached', 'Reached expected number of succeeded pods');
  else if (allDone) plan.end = condition('FailureTarget', 'FailedIndexes', 'Job has failed indexes');
  return plan;
}

/** Set once, an interim condition decides. */
function existingEnd(job: Job): JobCondition | undefined {
  return job.status?.conditions?.find(
    ({ type, status }) => (type === 'SuccessCriteriaMet' || type === 'FailureTarget') && status === 'True',
  );
}

function failureOf(job: Job, state: JobState, pods: Pod[], deadlineMs: number | undefined): JobCondition | undefined {
  const failed = (reason: string, message: string) => condition('FailureTarget', reason, message);
  for (const pod of pods.filter((one) => one.status?.phase === 'Failed')) {
    const { message } = matchFailurePolicy(job.spec.podFailurePolicy, pod);
    if (message) return failed('PodFailurePolicy', message);
  }
  if (state.failed > (job.spec.backoffLimit ?? 6) || restartedTooOften(job, pods))
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  if (deadlineMs !== undefined && deadlineMs <= 0)
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline');
  const { maxFailedIndexes } = job.spec;
  if (maxFailedIndexes !== undefined && state.failedIndexes.size > maxFailedIndexes)
    return failed('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
  return undefined;
}

/** Containers that restart in their Pods count too. */
function restartedTooOften(job: Job, pods: Pod[]): boolean {
  if (job.spec.template.spec?.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of pods)
    if (status?.phase === 'Running' || status?.phase === 'Pending')
      for (const one of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])])
        restarts += one.restartCount ?? 0;
  const limit = job.spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

function policySuccess(job: Job, state: JobState): JobCondition | undefined {
  const message = matchSuccessPolicy(job.spec, state.succeededIndexes);
  return message ? condition('SuccessCriteriaMet', 'SuccessPolicy', message) : undefined;
}

function untilDeadlineMs(job: Job, nowMs: number): number | undefined {
  const { activeDeadlineSeconds, suspend } = job.spec;
  if (activeDeadlineSeconds === undefined || suspend) return undefined;
  const startMs = job.status?.startTime ? Date.parse(job.status.startTime) : nowMs;
  return startMs + activeDeadlineSeconds * 1000 - nowMs;
}

function planPods(plan: JobPlan, job: Job, state: JobState, now: { ms: number; backoff: BackoffRecord }): void {
  const { active } = state;
  const wanted = wantedActive(job, state);
  const surplus = podsToRemove(job, active, Math.max(0, active.length - wanted), now.ms);
  if (surplus.length > 0) {
    plan.remove = surplus.slice(0, maxPodsPerSync);
    return;
  }
  const waiting = onlyReplacesFailed(job) ? state.terminating : 0;
  const missing = Math.min(wanted - waiting - active.length, maxPodsPerSync);
  if (missing <= 0) return;
  const delayMs = perIndex(job) ? 0 : backoffMs(now.backoff, now.ms);
  if (delayMs > 0) {
    plan.afterMs = Math.min(plan.afterMs ?? delayMs, delayMs);
    return;
  }
  if (!isIndexed(job)) plan.create = new Array(missing).fill(undefined);
  else planIndexes(plan, job, state, missing, now.ms);
}

function wantedActive(job: Job, state: JobState): number {
  const { suspend, completions, parallelism = 1 } = job.spec;
  if (suspend) return 0;
  if (completions === undefined) return state.succeeded > 0 ? Math.min(state.active.length, parallelism) : parallelism;
  return Math.max(0, Math.min(completions - state.succeeded - state.failedIndexes.size, parallelism));
}

/** Pods of an index that is finished, too high or taken twice go in any case. */
function podsToRemove(job: Job, active: Pod[], atLeast: number, nowMs: number): Pod[] {
  const remove = new Set<Pod>();
  if (isIndexed(job)) {
    const taken = new Set<number>();
    for (const pod of deletionOrder(active, active, nowMs).reverse()) {
      const index = indexOf(pod);
      if (index === undefined || index >= (job.spec.completions ?? 0) || taken.has(index)) remove.add(pod);
      else taken.add(index);
    }
  }
  if (remove.size < atLeast)
    for (const pod of deletionOrder(active, active, nowMs)) {
      if (remove.size >= atLeast) break;
      remove.add(pod);
    }
  return [...remove];
}

function planIndexes(plan: JobPlan, job: Job, state: JobState, missing: number, nowMs: number): void {
  const busy = new Set(state.active.map(indexOf));
  for (let index = 0; index < (job.spec.completions ?? 0) && plan.create.length < missing; index++) {
    if (busy.has(index) || state.succeededIndexes.has(index) || state.failedIndexes.has(index)) continue;
    const last = state.lastFailedByIndex.get(index);
    const delayMs = last
      ? backoffMs({ failures: failureCount(last) + 1, lastFailureMs: finishedAtMs(last, nowMs) }, nowMs)
      : 0;
    if (delayMs > 0) plan.afterMs = Math.min(plan.afterMs ?? delayMs, delayMs);
    else plan.create.push(index);
  }
}

/** 10 s after the first failure, doubled with each more, at most 10 min. */
export function backoffMs({ failures, lastFailureMs }: BackoffRecord, nowMs: number): number {
  if (failures === 0) return 0;
  return Math.max(0, lastFailureMs + Math.min(firstBackoffMs * 2 ** (failures - 1), maxBackoffMs) - nowMs);
}

const condition = (type: string, reason: string, message: string): JobCondition => ({
  type,
  status: 'True',
  reason,
  message,
});
