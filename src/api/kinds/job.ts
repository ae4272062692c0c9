import type { Job, JobSpec } from '../generated/batch-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import { at, immutable, invalidValue, notSupported, required, sameValue } from '../validation/field-error.ts';
import { nonNegative } from '../validation/numbers.ts';
import { validatePodTemplate } from '../validation/pod-spec.ts';
import { selectorMatches, validateLabelSelector } from '../validation/selector.ts';
import { podTemplateWarnings } from './pod-warnings.ts';

/** pkg/apis/batch and pkg/registry/batch/job. */
export const job: Kind<Job> = {
  type: 'batch/v1.Job',
  defaults({ metadata, spec }) {
    if (!spec) return;
    defaultJobSpec(spec);
    const labels = spec.template?.metadata?.labels;
    if (labels && !Object.keys(metadata.labels ?? {}).length) metadata.labels = { ...labels };
  },
  validate: (job) => [...generatedSelectorErrors(job), ...jobErrors(job)],
  validateUpdate: (job, old) => [...jobErrors(job), ...updateErrors(job, old)],
  validateStatusUpdate: ({ status }) => nonNegative(status, ['active', 'succeeded', 'failed', 'ready'], 'status'),
  prepareForCreate(job) {
    job.status = {};
    if (!job.spec.manualSelector) generateSelector(job);
  },
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  warnings: ({ spec }) => podTemplateWarnings(spec?.template, 'spec.template'),
};

/** The rules that hold for Jobs and for the template of a CronJob. */
export function jobSpecErrors(spec: JobSpec, path: string): Cause[] {
  const errors = nonNegative(spec, counts, path).slice();
  const mode = spec.completionMode;
  const modes = ['NonIndexed', 'Indexed'];
  if (mode !== undefined && !modes.includes(mode)) errors.push(notSupported(`${path}.completionMode`, mode, modes));
  if (mode === 'Indexed') {
    if (spec.completions === undefined) errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
    if ((spec.parallelism ?? 0) > 100_000)
      errors.push(
        invalidValue(
          `${path}.parallelism`,
          spec.parallelism,
          'must be less than or equal to 100000 when completion mode is Indexed',
        ),
      );
  } else {
    for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const)
      if (spec[field] !== undefined)
        errors.push(invalidValue(`${path}.${field}`, spec[field], 'requires indexed completion mode'));
    if (spec.successPolicy)
      errors.push(invalidValue(`${path}.successPolicy`, spec.successPolicy, 'requires indexed completion mode'));
  }
  errors.push(...failurePolicyErrors(spec, path));
  const replacement = spec.podReplacementPolicy;
  const replacements = spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  if (replacement !== undefined && !replacements.includes(replacement))
    errors.push(notSupported(`${path}.podReplacementPolicy`, replacement, replacements));
  errors.push(...validatePodTemplate(spec.template, `${path}.template`));
  return [...errors, ...restartErrors(spec, path)];
}

function defaultJobSpec(spec: JobSpec): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  spec.manualSelector ??= false;
  for (const rule of spec.podFailurePolicy?.rules ?? [])
    for (const condition of rule.onPodConditions ?? []) condition.status ||= 'True';
}

const counts = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;
const prefix = 'batch.kubernetes.io/';

/** The Job finds its Pods by its own uid, also under the names that labels had before Kubernetes 1.27. */
function generateSelector({ metadata, spec }: Job): void {
  spec.template.metadata ??= {};
  // Labels that the Job has from its template (SetDefaults_Job) are those that the template has in the end.
  const inherits = sameValue(metadata.labels ?? {}, spec.template.metadata.labels ?? {});
  const { uid, name } = metadata;
  spec.template.metadata.labels = {
    ...spec.template.metadata.labels,
    [`${prefix}controller-uid`]: uid,
    [`${prefix}job-name`]: name,
    'controller-uid': uid,
    'job-name': name,
  };
  if (inherits) metadata.labels = { ...spec.template.metadata.labels };
  spec.selector ??= {};
  spec.selector.matchLabels = { ...spec.selector.matchLabels, [`${prefix}controller-uid`]: uid };
}

function generatedSelectorErrors({ metadata, spec }: Job): Cause[] {
  if (spec.manualSelector || !spec.selector) return [];
  const labels = spec.template?.metadata?.labels ?? {};
  const expected: Record<string, string> = {
    [`${prefix}controller-uid`]: metadata.uid,
    [`${prefix}job-name`]: metadata.name,
    'controller-uid': metadata.uid,
    'job-name': metadata.name,
  };
  const errors: Cause[] = [];
  for (const [key, value] of Object.entries(expected)) {
    const own = `spec.template.metadata.labels[${key}]`;
    if (labels[key] === undefined) errors.push(required(own, `must be '${value}'`));
    else if (labels[key] !== value) errors.push(invalidValue(own, labels, `must be '${value}'`));
  }
  if (!validateLabelSelector(spec.selector, '').length && !selectorMatches(spec.selector, expected))
    errors.push(invalidValue('spec.selector', spec.selector, '`selector` not auto-generated'));
  return errors;
}

function jobErrors({ spec }: Job): Cause[] {
  const errors = jobSpecErrors(spec, 'spec');
  if (!spec.selector) return [...errors, required('spec.selector')];
  const syntax = validateLabelSelector(spec.selector, 'spec.selector');
  errors.push(...syntax);
  const labels = spec.template?.metadata?.labels;
  if (!syntax.length && !selectorMatches(spec.selector, labels ?? {}))
    errors.push(
      invalidValue('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`'),
    );
  return errors;
}

function restartErrors({ template, podFailurePolicy }: JobSpec, path: string): Cause[] {
  const own = `${path}.template.spec.restartPolicy`;
  const policy = template?.spec?.restartPolicy;
  if (!policy || policy === 'Always') return [required(own, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupported(own, policy, ['OnFailure', 'Never'])];
  if (podFailurePolicy && policy !== 'Never')
    return [invalidValue(own, policy, 'only "Never" is supported when podFailurePolicy is specified')];
  return [];
}

function failurePolicyErrors({ podFailurePolicy }: JobSpec, path: string): Cause[] {
  const errors: Cause[] = [];
  const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
  for (const [i, rule] of (podFailurePolicy?.rules ?? []).entries()) {
    const own = at(`${path}.podFailurePolicy.rules`, i);
    if (!rule.action) errors.push(required(`${own}.action`, `valid values: ${JSON.stringify(actions)}`));
    else if (!actions.includes(rule.action)) errors.push(notSupported(`${own}.action`, rule.action, actions));
    const given = [rule.onExitCodes, rule.onPodConditions?.length ? rule.onPodConditions : undefined].filter(Boolean);
    if (given.length !== 1)
      errors.push(
        invalidValue(
          own,
          rule,
          given.length
            ? 'specifying both OnExitCodes and OnPodConditions is not supported'
            : 'specifying one of OnExitCodes and OnPodConditions is required',
        ),
      );
    const codes = rule.onExitCodes;
    if (!codes) continue;
    if (codes.operator !== 'In' && codes.operator !== 'NotIn')
      errors.push(notSupported(`${own}.onExitCodes.operator`, codes.operator ?? '', ['In', 'NotIn']));
    if (!codes.values?.length)
      errors.push(invalidValue(`${own}.onExitCodes.values`, codes.values ?? [], 'at least one value is required'));
  }
  return errors;
}

/** A suspended Job that never ran may still change where its Pods go (KEP-2926); an indexed one may scale (KEP-3715). */
function updateErrors({ spec }: Job, old: Job): Cause[] {
  const before = old.spec;
  const scaled =
    spec.completionMode === 'Indexed' &&
    spec.completions === spec.parallelism &&
    before.completions === before.parallelism;
  const neverStarted = before.suspend === true && !old.status?.startTime;
  const template = neverStarted ? withSchedulingOf(spec.template, before.template) : spec.template;
  return [
    ...(scaled ? [] : immutable('spec.completions', spec.completions, before.completions)),
    ...immutable('spec.selector', spec.selector, before.selector),
    ...(sameValue(template, before.template) ? [] : immutable('spec.template', spec.template, before.template)),
    ...immutable('spec.completionMode', spec.completionMode, before.completionMode),
    ...immutable('spec.podFailurePolicy', spec.podFailurePolicy, before.podFailurePolicy),
    ...immutable('spec.backoffLimitPerIndex', spec.backoffLimitPerIndex, before.backoffLimitPerIndex),
    ...immutable('spec.managedBy', spec.managedBy, before.managedBy),
    ...immutable('spec.successPolicy', spec.successPolicy, before.successPolicy),
  ];
}

function withSchedulingOf(template: JobSpec['template'], old: JobSpec['template']): JobSpec['template'] {
  const { nodeSelector, affinity, tolerations, schedulingGates } = old.spec ?? {};
  return {
    ...template,
    metadata: { ...template.metadata, labels: old.metadata?.labels, annotations: old.metadata?.annotations },
    spec: template.spec && { ...template.spec, nodeSelector, affinity, tolerations, schedulingGates },
  };
}
