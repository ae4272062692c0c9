import type { ReplicationController, ReplicationControllerSpec } from '../generated/core-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import { invalidValue, required } from '../validation/field-error.ts';
import { nonNegative } from '../validation/numbers.ts';
import { validateWorkloadTemplate } from '../validation/workload.ts';
import { podTemplateWarnings } from './pod-warnings.ts';

/** pkg/apis/core and pkg/registry/core/replicationcontroller. */
export const replicationController: Kind<ReplicationController> = {
  type: 'core/v1.ReplicationController',
  defaults({ metadata, spec }) {
    const labels = spec?.template?.metadata?.labels;
    if (!labels || !spec) return;
    if (!Object.keys(spec.selector ?? {}).length) spec.selector = { ...labels };
    if (!Object.keys(metadata.labels ?? {}).length) metadata.labels = { ...labels };
  },
  validate: ({ spec }) => specErrors(spec),
  validateUpdate: ({ spec }) => specErrors(spec),
  validateStatusUpdate({ status }) {
    const errors = nonNegative(status, ['replicas', 'fullyLabeledReplicas', 'readyReplicas'], 'status').slice();
    const { replicas = 0 } = status ?? {};
    for (const field of ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const)
      if ((status?.[field] ?? 0) > replicas)
        errors.push(invalidValue(`status.${field}`, status?.[field], 'cannot be greater than status.replicas'));
    return errors;
  },
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  warnings: ({ spec }) => podTemplateWarnings(spec?.template, 'spec.template'),
};

function specErrors(spec: ReplicationControllerSpec): Cause[] {
  const selector = spec.selector ?? {};
  const errors = nonNegative(spec, ['minReadySeconds'], 'spec').slice();
  if (!Object.keys(selector).length) errors.push(required('spec.selector'));
  errors.push(...nonNegative(spec, ['replicas'], 'spec'));
  return [
    ...errors,
    ...validateWorkloadTemplate(spec.template, { matchLabels: selector }, 'ReplicationController', 'spec.template'),
  ];
}
