import type { ReplicaSet, ReplicaSetSpec } from '../generated/apps-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import { immutable, invalidValue } from '../validation/field-error.ts';
import { nonNegative } from '../validation/numbers.ts';
import { validateWorkloadSelector, validateWorkloadTemplate } from '../validation/workload.ts';
import { podTemplateWarnings } from './pod-warnings.ts';

/** pkg/apis/apps and pkg/registry/apps/replicaset. */
export const replicaSet: Kind<ReplicaSet> = {
  type: 'apps/v1.ReplicaSet',
  defaults({ spec }) {
    if (spec) spec.replicas ??= 1;
  },
  validate: ({ spec }) => specErrors(spec),
  validateUpdate: ({ spec }, old) => [
    ...specErrors(spec),
    ...immutable('spec.selector', spec.selector, old.spec.selector),
  ],
  validateStatusUpdate({ status }) {
    const errors = nonNegative(status, statusNumbers, 'status').slice();
    const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = status ?? {};
    for (const field of ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const)
      if ((status?.[field] ?? 0) > replicas)
        errors.push(invalidValue(`status.${field}`, status?.[field], 'cannot be greater than status.replicas'));
    if (availableReplicas > readyReplicas)
      errors.push(invalidValue('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas'));
    return errors;
  },
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  warnings: ({ spec }) => podTemplateWarnings(spec?.template, 'spec.template'),
};

const statusNumbers = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
] as const;

function specErrors(spec: ReplicaSetSpec): Cause[] {
  return [
    ...nonNegative(spec, ['replicas', 'minReadySeconds'], 'spec'),
    ...validateWorkloadSelector(spec.selector, 'deployment', 'spec.selector'),
    ...validateWorkloadTemplate(spec.template, spec.selector, 'ReplicaSet', 'spec.template'),
  ];
}
