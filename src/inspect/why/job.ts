import type { CronJob, Job } from '../../api/generated/batch-v1.ts';
import { diagnoseAdmission } from './admission.ts';
import { describe, describeEvent, duration, eventsOf, oneLine, podsOwnedBy, type WhyFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { diagnosePod } from './pod.ts';

export function diagnoseJob(job: Job, facts: WhyFacts): Finding[] {
  const pods = podsOwnedBy(facts, job);
  const ofPods = pods.flatMap((pod) => diagnosePod(pod, facts));
  const failed = job.status?.conditions?.find(
    ({ type, status }) => /^Failed$|^FailureTarget$/.test(type) && status === 'True',
  );
  const base = { subject: describe(job), hints: [] as string[] };
  const own: Finding[] = [];
  if (failed)
    own.push({
      ...base,
      code: failed.reason ?? 'JobFailed',
      severity: ofPods.some(({ severity }) => severity === 'error') ? 'note' : 'error',
      cause: failureCause(job, failed.reason, failed.message),
      evidence: [
        `condition Failed: ${failed.reason}: ${oneLine(failed.message)}`,
        `failed Pods: ${job.status?.failed ?? 0}`,
      ],
      hints: ['the Job is over: correct it, delete it and create it anew'],
    });
  if (job.spec?.suspend)
    own.push({
      ...base,
      code: 'Suspended',
      severity: 'error',
      cause: 'it is suspended',
      evidence: ['spec.suspend: true'],
      hints: [`kubectl patch job ${job.metadata.name} -n ${job.metadata.namespace} -p '{"spec":{"suspend":false}}'`],
    });
  return [...diagnoseAdmission(job, facts), ...ofPods, ...own];
}

function failureCause(job: Job, reason: string | undefined, message: string | undefined): string {
  switch (reason) {
    case 'BackoffLimitExceeded':
      return `it failed more often than its backoffLimit of ${job.spec?.backoffLimit ?? 6} allows`;
    case 'DeadlineExceeded':
      return `it ran longer than its activeDeadlineSeconds of ${job.spec?.activeDeadlineSeconds}`;
    case 'PodFailurePolicy':
      return `its podFailurePolicy ended it: ${oneLine(message)}`;
    default:
      return `it failed: ${oneLine(message) || reason}`;
  }
}

export function diagnoseCronJob(cron: CronJob, facts: WhyFacts): Finding[] {
  const base = { subject: describe(cron) };
  const events = eventsOf(facts, cron);
  if (cron.spec?.suspend)
    return [
      {
        ...base,
        code: 'Suspended',
        severity: 'error',
        cause: 'it is suspended',
        evidence: ['spec.suspend: true'],
        hints: ['set spec.suspend to false'],
      },
    ];
  const bad = events.find(({ reason = '' }) =>
    /UnparseableSchedule|InvalidSchedule|UnknownTimeZone|MissSchedule|FailedNeedsStart|TooManyMissedTimes|FailedCreate/.test(
      reason,
    ),
  );
  const jobs = facts.workloads.filter(
    ({ kind, metadata }) => kind === 'Job' && metadata.ownerReferences?.some(({ uid }) => uid === cron.metadata.uid),
  ) as Job[];
  const newest = jobs.sort(
    (a, b) => Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp),
  )[0];
  const found: Finding[] = [];
  if (bad)
    found.push({
      ...base,
      code: bad.reason!,
      severity: 'error',
      cause: `it cannot start a Job: ${oneLine(bad.message)}`,
      evidence: [describeEvent(bad, facts.nowMs)],
      hints: [],
    });
  if (cron.spec?.concurrencyPolicy === 'Forbid' && (cron.status?.active?.length ?? 0) > 0)
    found.push({
      ...base,
      code: 'PreviousRunActive',
      severity: 'note',
      cause: 'its last Job still runs, and concurrencyPolicy Forbid lets no other start',
      evidence: (cron.status?.active ?? []).map(({ name }) => `active: Job ${name}`),
      hints: [],
    });
  if (newest) found.push(...diagnoseJob(newest, facts));
  else if (!cron.status?.lastScheduleTime)
    found.push({
      ...base,
      code: 'NotYetScheduled',
      severity: 'note',
      cause: `its schedule "${cron.spec?.schedule}" has not come yet`,
      evidence: [`age ${duration(facts.nowMs - Date.parse(cron.metadata.creationTimestamp))}`],
      hints: [],
    });
  return found;
}
