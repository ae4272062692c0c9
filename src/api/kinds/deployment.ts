import type { Deployment, DeploymentSpec } from '../generated/apps-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import {
  forbiddenField,
  immutable,
  invalidValue,
  notSupported,
  required,
  sameValue,
} from '../validation/field-error.ts';
import {
  atMost100Percent,
  intOrPercentValue,
  nonNegative,
  notDecremented,
  validateIntOrPercent,
} from '../validation/numbers.ts';
import { validateWorkloadSelector, validateWorkloadTemplate } from '../validation/workload.ts';
import { podTemplateWarnings } from './pod-warnings.ts';

/** pkg/apis/apps and pkg/registry/apps/deployment. */
export const deployment: Kind<Deployment> = {
  type: 'apps/v1.Deployment',
  defaults({ spec }) {
    if (!spec) return;
    spec.replicas ??= 1;
    spec.strategy ??= {};
    const { strategy } = spec;
    strategy.type ||= 'RollingUpdate';
    if (strategy.type === 'RollingUpdate') {
      strategy.rollingUpdate ??= {};
      strategy.rollingUpdate.maxUnavailable ??= '25%';
      strategy.rollingUpdate.maxSurge ??= '25%';
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
  },
  validate: ({ spec }) => specErrors(spec),
  validateUpdate: ({ spec }, old) => [
    ...specErrors(spec),
    ...immutable('spec.selector', spec.selector, old.spec.selector),
  ],
  validateStatusUpdate({ status }, old) {
    const path = 'status';
    const errors = nonNegative(status, statusNumbers, path).slice();
    const { replicas = 0, readyReplicas = 0 } = status ?? {};
    for (const field of ['updatedReplicas', 'readyReplicas', 'availableReplicas'] as const)
      if ((status?.[field] ?? 0) > replicas)
        errors.push(invalidValue(`${path}.${field}`, status?.[field], 'cannot be greater than status.replicas'));
    if ((status?.availableReplicas ?? 0) > readyReplicas)
      errors.push(
        invalidValue(`${path}.availableReplicas`, status?.availableReplicas, 'cannot be greater than readyReplicas'),
      );
    return [...errors, ...notDecremented(status?.collisionCount, old.status?.collisionCount, `${path}.collisionCount`)];
  },
  prepareForUpdate(deployment, old) {
    // A change of annotations, too, has to be seen by the controller, which copies them to the ReplicaSet.
    if (!sameValue(deployment.metadata.annotations, old.metadata.annotations))
      deployment.metadata.generation = (old.metadata.generation ?? 0) + 1;
  },
  warnings: ({ spec }) => podTemplateWarnings(spec?.template, 'spec.template'),
};

const statusNumbers = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'collisionCount',
] as const;

function specErrors(spec: DeploymentSpec): Cause[] {
  const path = 'spec';
  const errors = [
    ...nonNegative(spec, ['replicas'], path),
    ...validateWorkloadSelector(spec.selector, 'deployment', `${path}.selector`),
    ...validateWorkloadTemplate(spec.template, spec.selector, 'ReplicaSet', `${path}.template`),
    ...strategyErrors(spec.strategy ?? {}, `${path}.strategy`),
    ...nonNegative(spec, ['minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds'], path),
  ];
  const deadline = spec.progressDeadlineSeconds;
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0))
    errors.push(invalidValue(`${path}.progressDeadlineSeconds`, deadline, 'must be greater than minReadySeconds'));
  return errors;
}

function strategyErrors(strategy: NonNullable<DeploymentSpec['strategy']>, path: string): Cause[] {
  const rolling = strategy.rollingUpdate;
  if (strategy.type === 'Recreate')
    return rolling
      ? [forbiddenField(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")]
      : [];
  if (strategy.type !== 'RollingUpdate') return [notSupported(path, strategy, ['Recreate', 'RollingUpdate'])];
  if (!rolling) return [required(`${path}.rollingUpdate`, 'this should be defaulted and never be nil')];
  const { maxUnavailable, maxSurge } = rolling;
  const own = `${path}.rollingUpdate`;
  const errors = [
    ...validateIntOrPercent(maxUnavailable, `${own}.maxUnavailable`),
    ...validateIntOrPercent(maxSurge, `${own}.maxSurge`),
  ];
  if (intOrPercentValue(maxUnavailable) === 0 && intOrPercentValue(maxSurge) === 0)
    errors.push(invalidValue(`${own}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  return [...errors, ...atMost100Percent(maxUnavailable, `${own}.maxUnavailable`)];
}
