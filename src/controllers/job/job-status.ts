import type { Job, JobCondition, JobStatus } from '../../api/generated/batch-v1.ts';
import { formatTime } from '../../api/time.ts';

/** Conditions of a Job (kubernetes pkg/controller/job/job_controller.go). Pure. */

export function isFinished(job: Job): JobCondition | undefined {
  return job.status?.conditions?.find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
}

export function withCondition(status: JobStatus, next: JobCondition, nowMs: number): JobStatus {
  const conditions = status.conditions ?? [];
  const current = conditions.find(({ type }) => type === next.type);
  if (current?.status === next.status && current.reason === next.reason && current.message === next.message)
    return status;
  const now = formatTime(new Date(nowMs));
  const stamped = { ...next, lastProbeTime: now, lastTransitionTime: now };
  return { ...status, conditions: [...conditions.filter((one) => one !== current), stamped] };
}

/** The condition Suspended follows spec.suspend; a Job that never was suspended does not have it. */
export function withSuspension(job: Job, status: JobStatus, nowMs: number): JobStatus {
  const current = status.conditions?.find(({ type }) => type === 'Suspended');
  if (job.spec.suspend)
    return withCondition(
      status,
      { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' },
      nowMs,
    );
  if (current?.status !== 'True') return status;
  const resumed = { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' };
  return { ...withCondition(status, resumed, nowMs), startTime: formatTime(new Date(nowMs)) };
}

/** The final condition in place, once all Pods are gone and counted. */
export function finished(status: JobStatus, end: JobCondition, nowMs: number): JobStatus {
  const type = end.type === 'SuccessCriteriaMet' ? 'Complete' : 'Failed';
  const { reason, message } = end;
  const done = withCondition(status, { type, status: 'True', reason, message }, nowMs);
  return {
    ...done,
    active: undefined,
    ready: 0,
    ...(type === 'Complete' ? { completionTime: formatTime(new Date(nowMs)) } : {}),
  };
}
