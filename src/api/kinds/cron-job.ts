import type { CronJob } from '../generated/batch-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import { scheduleProblem } from '../validation/cron-schedule.ts';
import { invalidValue, notSupported, required } from '../validation/field-error.ts';
import { validateAnnotations, validateLabels } from '../validation/metadata.ts';
import { nonNegative } from '../validation/numbers.ts';
import { jobSpecErrors } from './job.ts';
import { podTemplateWarnings } from './pod-warnings.ts';

/** pkg/apis/batch and pkg/registry/batch/cronjob. */
export const cronJob: Kind<CronJob> = {
  type: 'batch/v1.CronJob',
  defaults({ spec }) {
    if (!spec) return;
    spec.concurrencyPolicy ||= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
  },
  validate(cronJob) {
    const errors = cronJobErrors(cronJob);
    // The controller appends 11 characters to make the name of a Job, which has at most 63.
    const { name = '' } = cronJob.metadata;
    if (name.length > 52) errors.push(invalidValue('metadata.name', name, 'must be no more than 52 characters'));
    return errors;
  },
  validateUpdate: cronJobErrors,
  warnings: ({ spec }) => podTemplateWarnings(spec?.jobTemplate?.spec?.template, 'spec.jobTemplate.spec.template'),
};

function cronJobErrors({ spec }: CronJob): Cause[] {
  const errors: Cause[] = [];
  if (!spec.schedule) errors.push(required('spec.schedule'));
  else {
    const problem = scheduleProblem(spec.schedule);
    if (problem) errors.push(invalidValue('spec.schedule', spec.schedule, problem));
    if (/^(CRON_)?TZ=/.test(spec.schedule))
      errors.push(
        invalidValue(
          'spec.schedule',
          spec.schedule,
          'cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
        ),
      );
  }
  errors.push(...nonNegative(spec, ['startingDeadlineSeconds'], 'spec'));
  const policies = ['Allow', 'Forbid', 'Replace'];
  if (!spec.concurrencyPolicy) errors.push(required('spec.concurrencyPolicy'));
  else if (!policies.includes(spec.concurrencyPolicy))
    errors.push(notSupported('spec.concurrencyPolicy', spec.concurrencyPolicy, policies));
  if (spec.timeZone !== undefined) errors.push(...timeZoneErrors(spec.timeZone));
  const own = 'spec.jobTemplate';
  const { metadata, spec: jobSpec } = spec.jobTemplate;
  errors.push(...validateLabels(metadata?.labels, `${own}.metadata.labels`));
  errors.push(...validateAnnotations(metadata?.annotations, `${own}.metadata.annotations`));
  if (jobSpec) {
    errors.push(...jobSpecErrors(jobSpec, `${own}.spec`));
    if (jobSpec.selector)
      errors.push(invalidValue(`${own}.spec.selector`, jobSpec.selector, '`selector` will be auto-generated'));
    if (jobSpec.manualSelector) errors.push(notSupported(`${own}.spec.manualSelector`, true, ['nil', 'false']));
  }
  return [...errors, ...nonNegative(spec, ['successfulJobsHistoryLimit', 'failedJobsHistoryLimit'], 'spec')];
}

function timeZoneErrors(zone: string): Cause[] {
  if (zone === '') return [invalidValue('spec.timeZone', zone, 'timeZone must be nil or non-empty string')];
  if (zone.toLowerCase() === 'local')
    return [
      invalidValue(
        'spec.timeZone',
        zone,
        'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ),
    ];
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return [];
  } catch {
    return [invalidValue('spec.timeZone', zone, `unknown time zone ${zone}`)];
  }
}
