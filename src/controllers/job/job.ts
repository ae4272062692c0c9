import type { Job, JobCondition, JobStatus } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { controllerOf, keyOf } from '../../api/object.ts';
import { builtin, pods } from '../../api/resource.ts';
import { compileSelector } from '../../api/selectors.ts';
import { hasReason } from '../../api/status-error.ts';
import { formatTime } from '../../api/time.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { claim } from '../claim.ts';
import { Expectations } from '../expectations.ts';
import { createPodControl, isNamespaceTerminating, slowStart } from '../pod-control.ts';
import { isReady } from '../pod-state.ts';
import { byControllerUid } from '../replicaset.ts';
import { sameStatus } from '../same-status.ts';
import {
  countsAfter,
  finishedAtMs,
  hasFailed,
  hasSucceeded,
  indexedTemplate,
  isIndexed,
  perIndex,
  trackingFinalizer,
} from './job-pods.ts';
import { finished, isFinished, withCondition, withSuspension } from './job-status.ts';
import { type BackoffRecord, type JobPlan, type JobState, jobState, planJob } from './plan-job.ts';
import { countsAsFailure } from './pod-failure-policy.ts';
import { countReleased, nothingUncounted, trackPods } from './track-pods.ts';

export const jobs = builtin<Job>('batch', 'v1', 'jobs');
/** Keys of Pods that hold our finalizer without a Job begin like this. */
const orphanPrefix = 'orphan:';

/** Runs Pods until enough of them have succeeded (kubernetes pkg/controller/job). */
export function jobController(context: ControllerContext): Controller {
  const { client, informers, clock, events } = context;
  const all = informers.informer(jobs);
  const allPods = informers.informer(pods, {
    indexes: { ...byControllerUid, jobKey: (pod: Pod) => jobKeyOf(pod) ?? [] },
  });
  const podControl = createPodControl(context);
  const expectations = new Expectations(clock);
  /** uids of Pods whose finalizer was removed here and whose change the cache does not show yet. */
  const released = new Set<string>();
  /** Failures since the last success, by uid of the Job, with the Pods that are counted in it. */
  const backoffs = new Map<string, BackoffRecord & { counted: Set<string> }>();

  const gone = (pod: Pod) => {
    const key = jobKeyOf(pod)?.[0];
    if (key) expectations.deleted(key, pod.metadata.uid);
  };
  allPods.on({
    added: (pod) => {
      const key = jobKeyOf(pod)?.[0];
      if (key) expectations.created(key);
    },
    updated: (pod) => {
      if (released.size > 0 && !hasFinalizer(pod)) released.delete(pod.metadata.uid);
      if (pod.metadata.deletionTimestamp) gone(pod);
    },
    deleted: (pod) => {
      released.delete(pod.metadata.uid);
      gone(pod);
    },
  });

  const isTracked = (pod: Pod) => hasFinalizer(pod) && !released.has(pod.metadata.uid);

  return {
    name: 'job',
    for: jobs,
    watches: [
      {
        resource: pods,
        keys: (pod: Pod) =>
          jobKeyOf(pod) ?? [...jobsSelecting(pod), ...(hasFinalizer(pod) ? [`${orphanPrefix}${keyOf(pod)}`] : [])],
      },
    ],
    minIntervalMs: 50,
    reconcile: async (key) => {
      if (key.startsWith(orphanPrefix)) return releaseOrphan(allPods.get(key.slice(orphanPrefix.length)));
      const job = all.get(key);
      const foreign = allPods.byIndex('jobKey', key).filter((pod) => controllerOf(pod)?.uid !== job?.metadata.uid);
      await release(foreign.filter(isTracked));
      if (!job) return expectations.forget(key);
      if (job.spec.managedBy && job.spec.managedBy !== 'kubernetes.io/job-controller') return;
      if (isFinished(job)) {
        backoffs.delete(job.metadata.uid);
        return release(allPods.byIndex('controllerUid', job.metadata.uid).filter(isTracked));
      }
      return sync(key, job);
    },
  };

  /** 1. claim Pods; 2. decide; 3. delete and create Pods; 4. count the finished ones and write the status. */
  async function sync(key: string, job: Job) {
    const claimed = await claimPods(job);
    const state = jobState(job, claimed, isTracked);
    const satisfied = expectations.satisfied(key);
    const backoff = backoffOf(job, claimed);
    const plan = planJob(job, state, claimed, { ms: clock.now(), satisfied, backoff });
    const change = await changePods(key, job, state, plan);
    const end = plan.end && !change.error && satisfied ? plan.end : undefined;
    const active = state.active.length - change.removed.length + change.created;
    const counts = {
      active: active || undefined,
      ready: state.ready - change.removed.filter(isReady).length,
      terminating: state.terminating + change.removed.length,
    };
    await writeStatus(job, claimed, state, counts, end);
    if (change.error) throw change.error;
    return plan.afterMs !== undefined && !end ? { requeueAfterMs: Math.max(plan.afterMs, 1) } : undefined;
  }

  /** Keys of the Jobs that would adopt the Pod. */
  function jobsSelecting(pod: Pod): string[] {
    const { metadata } = pod;
    if (controllerOf(pod) || !metadata.labels || metadata.deletionTimestamp) return [];
    return all
      .list()
      .filter(
        (job) => job.metadata.namespace === metadata.namespace && !job.metadata.deletionTimestamp && !isFinished(job),
      )
      .filter((job) => compileSelector(job.spec.selector)(metadata.labels))
      .map(keyOf);
  }

  function claimPods(job: Job): Promise<Pod[]> {
    const candidates = [
      ...allPods.byIndex('controllerUid', job.metadata.uid),
      ...allPods.byIndex('controllerUid', `orphan/${job.metadata.namespace}`),
    ];
    return claim({ client, resource: pods, owner: job, selector: job.spec.selector, candidates });
  }

  /** Adds what has finished since the last time, in the order in which it did. */
  function backoffOf(job: Job, claimed: Pod[]): BackoffRecord {
    const record = backoffs.get(job.metadata.uid) ?? { failures: 0, lastFailureMs: 0, counted: new Set<string>() };
    backoffs.set(job.metadata.uid, record);
    const now = clock.now();
    const fresh = claimed
      .filter((pod) => isTracked(pod) && (hasSucceeded(pod) || hasFailed(pod, job)))
      .filter((pod) => !record.counted.has(pod.metadata.uid))
      .sort((a, b) => finishedAtMs(a, now) - finishedAtMs(b, now));
    for (const pod of fresh) {
      record.counted.add(pod.metadata.uid);
      record.failures = hasSucceeded(pod) ? 0 : record.failures + 1;
      if (!hasSucceeded(pod)) record.lastFailureMs = finishedAtMs(pod, now);
    }
    return record;
  }

  async function changePods(
    key: string,
    job: Job,
    state: JobState,
    plan: JobPlan,
  ): Promise<{ removed: Pod[]; created: number; error: unknown }> {
    for (const pod of plan.remove) expectations.expectDeletion(key, pod.metadata.uid);
    const deletions = await Promise.allSettled(plan.remove.map((pod) => podControl.delete(job, pod)));
    const removed = plan.remove.filter((_, i) => deletions[i]?.status === 'fulfilled');
    for (const pod of plan.remove) if (!removed.includes(pod)) expectations.deleted(key, pod.metadata.uid);
    const failed = deletions.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    if (plan.create.length === 0) return { removed, created: 0, error: failed[0] };
    expectations.expectCreations(key, plan.create.length);
    const { tried, errors } = await slowStart(plan.create.length, (i) => createPod(job, state, plan.create[i]));
    const created = tried - errors.length;
    for (let i = created; i < plan.create.length; i++) expectations.created(key);
    return { removed, created, error: failed[0] ?? errors.find((error) => !isNamespaceTerminating(error)) };
  }

  function createPod(job: Job, state: JobState, index: number | undefined): Promise<Pod> {
    const finalizers = [...(job.spec.template.metadata?.finalizers ?? []), trackingFinalizer];
    if (index === undefined) return podControl.create(job, job.spec.template, { finalizers });
    const previous = state.lastFailedByIndex.get(index);
    const ignored = !!previous && !countsAsFailure(job.spec.podFailurePolicy, previous);
    const template = indexedTemplate(job, index, perIndex(job) ? countsAfter(previous, ignored) : {});
    return podControl.create(job, template, { finalizers, generateName: `${job.metadata.name}-${index}-` });
  }

  /** First what must not be lost, then the finalizers, then the numbers (KEP-2307). */
  async function writeStatus(
    job: Job,
    claimed: Pod[],
    state: JobState,
    counts: Pick<JobStatus, 'active' | 'ready' | 'terminating'>,
    end: JobCondition | undefined,
  ): Promise<void> {
    const now = clock.now();
    const tracking = trackPods(job, claimed.filter(isTracked), state, end);
    let status: JobStatus = { ...tracking.status, ...counts };
    if (!status.startTime && !job.spec.suspend) status.startTime = formatTime(new Date(now));
    status = end ? withCondition(status, end, now) : withSuspension(job, status, now);
    let current = await update(job, status);
    tellSuspension(job, status);
    await release(tracking.release);
    const holders = new Set(claimed.filter(isTracked).map((pod) => pod.metadata.uid));
    status = countReleased(status, (uid) => holders.has(uid));
    const over = end && nothingUncounted(status) && counts.terminating === 0 && !counts.active;
    if (over) status = finished(status, end, now);
    current = await update(current, status);
    if (over) tellEnd(current, end);
  }

  async function update(job: Job, status: JobStatus): Promise<Job> {
    if (sameStatus(job.status, status)) return job;
    return client.update(jobs, { ...job, status }, { subresource: 'status' });
  }

  function tellSuspension(job: Job, status: JobStatus): void {
    const of = (one: JobStatus | undefined) => one?.conditions?.find(({ type }) => type === 'Suspended')?.status;
    const now = of(status);
    if (now === of(job.status)) return;
    if (now === 'True') events.event(job, 'Normal', 'Suspended', 'Job suspended');
    else events.event(job, 'Normal', 'Resumed', 'Job resumed');
  }

  function tellEnd(job: Job, end: JobCondition): void {
    if (end.type === 'FailureTarget') {
      events.event(job, 'Warning', end.reason ?? '', end.message ?? '');
      return;
    }
    const tooMany =
      !isIndexed(job) && (job.status?.succeeded ?? 0) > (job.spec.completions ?? Number.POSITIVE_INFINITY);
    if (tooMany)
      events.event(
        job,
        'Warning',
        'TooManySucceededPods',
        'Too many succeeded pods running after completion count reached',
      );
    events.event(job, 'Normal', 'Completed', 'Job completed');
  }

  async function releaseOrphan(pod: Pod | undefined): Promise<void> {
    if (pod && !jobKeyOf(pod) && isTracked(pod) && jobsSelecting(pod).length === 0) await release([pod]);
  }

  async function release(finishedPods: Pod[]): Promise<void> {
    await Promise.all(finishedPods.map(releaseOne));
  }

  async function releaseOne(pod: Pod): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const body = { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } };
    released.add(uid);
    try {
      await client.patch(pods, name, namespace, { type: 'strategic', body });
    } catch (error) {
      // Gone, or another of the same name (its uid does not match).
      if (hasReason(error, 'NotFound') || hasReason(error, 'Conflict') || hasReason(error, 'Invalid')) return;
      released.delete(uid);
      throw error;
    }
  }
}

/** The key of the Job that controls the Pod, in a list. */
function jobKeyOf(pod: Pod): [string] | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === 'Job' && owner.apiVersion.startsWith('batch/')
    ? [`${pod.metadata.namespace}/${owner.name}`]
    : undefined;
}

const hasFinalizer = (pod: Pod) => pod.metadata.finalizers?.includes(trackingFinalizer) ?? false;
