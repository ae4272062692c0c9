import type { CronJob } from '../../api/generated/batch-v1.ts';
import type { Schedule } from './schedule.ts';

/** When a CronJob is due (kubernetes pkg/controller/cronjob/utils.go). Pure. */
export interface Due {
  /** The last time that has come and was not acted upon. */
  scheduledMs: number | undefined;
  /** More than a hundred times were missed. */
  tooManyMissed: number | undefined;
  nextMs: number | undefined;
}

const warnAbove = 100;

export function planRun(job: CronJob, schedule: Schedule, nowMs: number): Due {
  const { startingDeadlineSeconds } = job.spec;
  const since = Date.parse(job.status?.lastScheduleTime ?? job.metadata.creationTimestamp);
  const earliest =
    startingDeadlineSeconds === undefined ? since : Math.max(since, nowMs - startingDeadlineSeconds * 1000);
  const nextMs = schedule.next(nowMs);
  const first = schedule.next(earliest);
  if (first === undefined || first > nowMs) return { scheduledMs: undefined, tooManyMissed: undefined, nextMs };
  const second = schedule.next(first);
  const periodMs = second === undefined ? Number.POSITIVE_INFINITY : second - first;
  const missed = 1 + Math.floor((nowMs - first) / periodMs);
  return {
    scheduledMs: last(schedule, first, nowMs, periodMs),
    tooManyMissed: missed > warnAbove && startingDeadlineSeconds === undefined ? missed : undefined,
    nextMs,
  };
}

/** The last time of the schedule in [first, now], looked for from shortly before now. */
function last(schedule: Schedule, first: number, nowMs: number, periodMs: number): number {
  let time = first;
  for (let backMs = periodMs * 2; backMs < nowMs - first; backMs *= 2) {
    const candidate = schedule.next(nowMs - backMs);
    if (candidate === undefined || candidate > nowMs) continue;
    time = Math.max(first, candidate);
    break;
  }
  for (;;) {
    const next = schedule.next(time);
    if (next === undefined || next > nowMs) return time;
    time = next;
  }
}
