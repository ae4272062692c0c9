import type { PodDisruptionBudget } from '../generated/policy-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import { invalidValue, notSupported } from '../validation/field-error.ts';
import { atMost100Percent, nonNegative, validateIntOrPercent } from '../validation/numbers.ts';
import { validateLabelSelector } from '../validation/selector.ts';

/** pkg/apis/policy/validation. */
export const podDisruptionBudget: Kind<PodDisruptionBudget> = {
  type: 'policy/v1.PodDisruptionBudget',
  validate: budgetErrors,
  validateUpdate: budgetErrors,
  validateStatusUpdate: ({ status }) =>
    nonNegative(status, ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'], 'status'),
};

function budgetErrors({ spec }: PodDisruptionBudget): Cause[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec ?? {};
  const errors: Cause[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined)
    errors.push(invalidValue('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
  for (const [field, value] of Object.entries({ minAvailable, maxUnavailable }))
    errors.push(...validateIntOrPercent(value, `spec.${field}`), ...atMost100Percent(value, `spec.${field}`));
  errors.push(...validateLabelSelector(selector, 'spec.selector'));
  const policies = ['AlwaysAllow', 'IfHealthyBudget'];
  if (policy !== undefined && !policies.includes(policy))
    errors.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, policies));
  return errors;
}
