import { humanAge, humanDuration } from '../duration.ts';
import type { CronJob, Job } from '../generated/batch-v1.ts';
import { formatSelector } from '../selectors.ts';
import {
  age,
  ageOf,
  type ColumnsEntry,
  column,
  containerCells,
  containerColumns,
  entry,
  formatBoolean,
  integer,
  name,
  wide,
} from './column.ts';

const selector = wide('Selector', 'Labels of the Pods that belong to the Job.');

export const jobColumns: ColumnsEntry[] = [
  entry<Job>('batch/v1.Job', {
    definitions: [
      name,
      column('Status', 'Whether the Job runs, and how it ended.'),
      column('Completions', 'Pods that succeeded, of those that must.'),
      column('Duration', 'Time that the Job has run, or took.'),
      age,
      ...containerColumns,
      selector,
    ],
    cells: (job, now) => [
      job.metadata.name,
      jobStatus(job),
      completions(job),
      duration(job, now),
      ageOf(job, now),
      ...containerCells(job.spec?.template?.spec?.containers),
      formatSelector(job.spec?.selector),
    ],
  }),
  entry<CronJob>('batch/v1.CronJob', {
    definitions: [
      name,
      column('Schedule', 'When Jobs are started, in cron format.'),
      column('Timezone', 'Time zone of the schedule.'),
      column('Suspend', 'Whether no further Jobs are started.', { type: 'boolean' }),
      integer('Active', 'Jobs that are running.'),
      column('Last Schedule', 'Time since the last Job was started.'),
      age,
      ...containerColumns,
      selector,
    ],
    cells: (object, now) => [
      object.metadata.name,
      object.spec?.schedule,
      object.spec?.timeZone ?? '<none>',
      formatBoolean(object.spec?.suspend),
      object.status?.active?.length ?? 0,
      object.status?.lastScheduleTime ? humanAge(object.status.lastScheduleTime, now) : '<none>',
      ageOf(object, now),
      ...containerCells(object.spec?.jobTemplate?.spec?.template?.spec?.containers),
      formatSelector(object.spec?.jobTemplate?.spec?.selector),
    ],
  }),
];

function jobStatus({ metadata, status }: Job): string {
  const has = (type: string) => status?.conditions?.some((found) => found.type === type && found.status === 'True');
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (metadata.deletionTimestamp) return 'Terminating';
  if (has('Suspended')) return 'Suspended';
  if (has('FailureTarget')) return 'FailureTarget';
  if (has('SuccessCriteriaMet')) return 'SuccessCriteriaMet';
  return 'Running';
}

function completions({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function duration({ status }: Job, now: number): string {
  if (!status?.startTime) return '';
  const end = status.completionTime ? Date.parse(status.completionTime) : now;
  return humanDuration(end - Date.parse(status.startTime));
}
