import type { PriorityClass } from '../generated/scheduling-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import { forbiddenField, immutable, notSupported } from '../validation/field-error.ts';

/** Above this, priorities belong to the system. */
export const highestUserPriority = 1_000_000_000;

const systemClasses: Record<string, number> = {
  'system-cluster-critical': 2 * highestUserPriority,
  'system-node-critical': 2 * highestUserPriority + 1000,
};

/** pkg/apis/scheduling. */
export const priorityClass: Kind<PriorityClass> = {
  type: 'scheduling/v1.PriorityClass',
  hasGeneration: true,
  defaults(priority) {
    priority.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validate({ metadata: { name = '' }, value, globalDefault, preemptionPolicy }) {
    const errors: Cause[] = [];
    if (name.startsWith('system-')) {
      const problem = systemProblem(name, value ?? 0, globalDefault ?? false);
      if (problem)
        errors.push(
          forbiddenField(
            'metadata.name',
            `priority class names with 'system-' prefix are reserved for system use only. error: ${problem}`,
          ),
        );
    } else if ((value ?? 0) > highestUserPriority)
      errors.push(
        forbiddenField('value', `maximum allowed value of a user defined priority is ${highestUserPriority}`),
      );
    const policies = ['PreemptLowerPriority', 'Never'];
    if (preemptionPolicy && !policies.includes(preemptionPolicy))
      errors.push(notSupported('preemptionPolicy', preemptionPolicy, policies));
    return errors;
  },
  validateUpdate: (priority, old) => [
    ...(priority.value === old.value ? [] : [forbiddenField('value', 'may not be changed in an update.')]),
    ...immutable('preemptionPolicy', priority.preemptionPolicy, old.preemptionPolicy),
  ],
};

function systemProblem(name: string, value: number, globalDefault: boolean): string | undefined {
  const expected = systemClasses[name];
  if (expected === undefined) return `${name} is not a known system priority class`;
  if (value !== expected) return `value of ${name} PriorityClass must be ${expected}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}
