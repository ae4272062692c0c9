import type { CronJob, CronJobStatus, Job } from '../../api/generated/batch-v1.ts';
import type { ObjectReference } from '../../api/generated/core-v1.ts';
import { controllerOf } from '../../api/object.ts';
import { builtin } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import { formatTime } from '../../api/time.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { jobs } from '../job/job.ts';
import { isFinished } from '../job/job-status.ts';
import { isNamespaceTerminating, ownerReference } from '../pod-control.ts';
import { byControllerUid } from '../replicaset.ts';
import { sameStatus } from '../same-status.ts';
import { planRun } from './plan-run.ts';
import { parseSchedule, type Schedule } from './schedule.ts';

const cronJobs = builtin<CronJob>('batch', 'v1', 'cronjobs');
const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

/** Makes Jobs at the times of a schedule (kubernetes pkg/controller/cronjob/cronjob_controllerv2.go). */
export function cronJobController({ client, informers, events, clock }: ControllerContext): Controller {
  const all = informers.informer(cronJobs);
  const allJobs = informers.informer(jobs, { indexes: byControllerUid });

  return {
    name: 'cronjob',
    for: cronJobs,
    owns: [jobs],
    reconcile: async (key) => {
      const cron = all.get(key);
      if (!cron) return;
      const children = allJobs.byIndex('controllerUid', cron.metadata.uid);
      const status = await noteChildren(cron, children);
      const afterMs =
        cron.metadata.deletionTimestamp || cron.spec.suspend ? undefined : await run(cron, status, children);
      await trimHistory(cron, children);
      if (!sameStatus(cron.status, status))
        await client.update(cronJobs, { ...cron, status }, { subresource: 'status' });
      return afterMs === undefined ? undefined : { requeueAfterMs: afterMs };
    },
  };

  /** The status with what became of the Jobs that were active. */
  async function noteChildren(cron: CronJob, children: Job[]): Promise<CronJobStatus> {
    const status: CronJobStatus = { ...cron.status };
    const byUid = new Map(children.map((job) => [job.metadata.uid, job]));
    const active: ObjectReference[] = [];
    for (const reference of status.active ?? []) {
      const job = byUid.get(reference.uid ?? '');
      const end = job && isFinished(job);
      if (job && end) {
        const condition = end.type;
        events.event(
          cron,
          'Normal',
          'SawCompletedJob',
          `Saw completed job: ${job.metadata.name}, condition: ${condition}`,
        );
      } else if (job || (await exists(reference))) active.push(reference);
      else events.event(cron, 'Normal', 'MissingJob', `Active job went missing: ${reference.name}`);
    }
    for (const job of children) {
      const known = (status.active ?? []).some(({ uid }) => uid === job.metadata.uid);
      const end = isFinished(job);
      if (!known && !end && !job.metadata.deletionTimestamp) {
        const message = `Saw a job that the controller did not create or forgot: ${job.metadata.name}`;
        events.event(cron, 'Warning', 'UnexpectedJob', message);
        // Made by us a moment ago, before its reference was written.
        if (job.metadata.annotations?.[scheduledAnnotation]) active.push(referenceTo(job));
      }
      const { completionTime = '' } = job.status ?? {};
      if (end?.type === 'Complete' && completionTime > (status.lastSuccessfulTime ?? ''))
        status.lastSuccessfulTime = completionTime;
    }
    status.active = active.length > 0 ? active : undefined;
    return status;
  }

  async function exists({ name = '', namespace, uid }: ObjectReference): Promise<boolean> {
    try {
      return (await client.get(jobs, name, namespace)).metadata.uid === uid;
    } catch (error) {
      if (hasReason(error, 'NotFound')) return false;
      throw error;
    }
  }

  /** Starts what is due; returns the milliseconds until the next time. */
  async function run(cron: CronJob, status: CronJobStatus, children: Job[]): Promise<number | undefined> {
    const schedule = readSchedule(cron);
    if (!schedule) return undefined;
    const now = clock.now();
    const { scheduledMs, tooManyMissed, nextMs } = planRun({ ...cron, status }, schedule, now);
    const afterMs = nextMs === undefined ? undefined : nextMs - now + 100;
    if (tooManyMissed !== undefined) {
      const advice = 'Set or decrease .spec.startingDeadlineSeconds or check clock skew';
      const message = `too many missed start times: ${tooManyMissed}. ${advice}`;
      events.event(cron, 'Warning', 'TooManyMissedTimes', message);
    }
    if (scheduledMs === undefined || !mayStart(cron, status, scheduledMs, now)) return afterMs;
    if (cron.spec.concurrencyPolicy === 'Replace') await removeActive(cron, status, children);
    const job = await startJob(cron, scheduledMs);
    if (!job) return afterMs;
    if (!(status.active ?? []).some(({ uid }) => uid === job.metadata.uid))
      status.active = [...(status.active ?? []), referenceTo(job)];
    status.lastScheduleTime = formatTime(new Date(scheduledMs));
    return afterMs;
  }

  function readSchedule(cron: CronJob): Schedule | undefined {
    const { schedule, timeZone } = cron.spec;
    try {
      return parseSchedule(schedule, timeZone);
    } catch (error) {
      const why = (error as Error).message;
      if (error instanceof RangeError)
        events.event(cron, 'Warning', 'UnknownTimeZone', `invalid timeZone: ${JSON.stringify(timeZone)}: ${why}`);
      else
        events.event(
          cron,
          'Warning',
          'UnparseableSchedule',
          `unparseable schedule: ${JSON.stringify(schedule)} : ${why}`,
        );
      return undefined;
    }
  }

  function mayStart(cron: CronJob, status: CronJobStatus, scheduledMs: number, now: number): boolean {
    const { startingDeadlineSeconds, concurrencyPolicy } = cron.spec;
    if (startingDeadlineSeconds !== undefined && scheduledMs + startingDeadlineSeconds * 1000 < now) {
      const time = new Date(scheduledMs).toUTCString().replace('GMT', '+0000');
      events.event(cron, 'Warning', 'MissSchedule', `Missed scheduled time to start a job: ${time}`);
      return false;
    }
    if ((status.active ?? []).some(({ name }) => name === jobName(cron, scheduledMs))) return false;
    if (status.lastScheduleTime && Date.parse(status.lastScheduleTime) === scheduledMs) return false;
    if (concurrencyPolicy === 'Forbid' && (status.active ?? []).length > 0) {
      const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
      events.event(cron, 'Normal', 'JobAlreadyActive', message);
      return false;
    }
    return true;
  }

  async function removeActive(cron: CronJob, status: CronJobStatus, children: Job[]): Promise<void> {
    for (const { uid } of status.active ?? []) {
      const job = children.find((one) => one.metadata.uid === uid);
      if (job) await removeJob(cron, job);
    }
    status.active = undefined;
  }

  async function startJob(cron: CronJob, scheduledMs: number): Promise<Job | undefined> {
    const { metadata, spec } = cron.spec.jobTemplate;
    const name = jobName(cron, scheduledMs);
    const annotations = { ...metadata?.annotations, [scheduledAnnotation]: localTime(scheduledMs, cron.spec.timeZone) };
    try {
      const job = await client.create(jobs, {
        metadata: {
          name,
          namespace: cron.metadata.namespace,
          labels: metadata?.labels,
          annotations,
          ownerReferences: [ownerReference(cron)],
        },
        spec: spec ?? { template: {} },
      });
      events.event(cron, 'Normal', 'SuccessfulCreate', `Created job ${name}`);
      return job;
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (hasReason(error, 'AlreadyExists')) {
        const existing = await client.get(jobs, name, cron.metadata.namespace);
        return controllerOf(existing)?.uid === cron.metadata.uid ? existing : undefined;
      }
      events.event(cron, 'Warning', 'FailedCreate', `Error creating job: ${(error as Error).message}`);
      throw error;
    }
  }

  async function trimHistory(cron: CronJob, children: Job[]): Promise<void> {
    const ended = (type: string) => children.filter((job) => isFinished(job)?.type === type);
    const trim = async (finished: Job[], limit: number | undefined) => {
      if (limit === undefined) return;
      const start = (job: Job) => job.status?.startTime ?? '';
      const oldest = finished
        .sort((a, b) => (start(a) < start(b) ? -1 : 1))
        .slice(0, Math.max(0, finished.length - limit));
      for (const job of oldest) await removeJob(cron, job);
    };
    await trim(ended('Complete'), cron.spec.successfulJobsHistoryLimit);
    await trim(ended('Failed'), cron.spec.failedJobsHistoryLimit);
  }

  async function removeJob(cron: CronJob, job: Job): Promise<void> {
    const { name, namespace, deletionTimestamp } = job.metadata;
    if (deletionTimestamp) return;
    try {
      await client.delete(jobs, name, namespace, { propagationPolicy: 'Background' });
      events.event(cron, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
    } catch (error) {
      if (hasReason(error, 'NotFound')) return;
      events.event(cron, 'Warning', 'FailedDelete', `Deleted job: ${(error as Error).message}`);
      throw error;
    }
  }
}

/** The minute tells Jobs of one CronJob apart: starting the same one twice fails (getJobName). */
const jobName = (cron: CronJob, scheduledMs: number) => `${cron.metadata.name}-${Math.floor(scheduledMs / 60_000)}`;

function referenceTo(job: Job): ObjectReference {
  const { name, namespace, uid, resourceVersion } = job.metadata;
  return { apiVersion: 'batch/v1', kind: 'Job', name, namespace, uid, resourceVersion };
}

/** RFC 3339 in the CronJob's own time zone. */
function localTime(ms: number, timeZone: string | undefined): string {
  if (!timeZone) return formatTime(new Date(ms));
  const parts = new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    dateStyle: 'short',
    timeStyle: 'medium',
  }).format(ms);
  const offset = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
    .formatToParts(ms)
    .find(({ type }) => type === 'timeZoneName')?.value;
  return `${parts.replace(' ', 'T')}${offset === 'GMT' ? 'Z' : (offset ?? '').replace('GMT', '')}`;
}
