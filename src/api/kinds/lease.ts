import type { Lease } from '../generated/coordination-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import { invalidValue } from '../validation/field-error.ts';

/** pkg/apis/coordination/validation. */
export const lease: Kind<Lease> = {
  type: 'coordination/v1.Lease',
  hasGeneration: false,
  validate: leaseErrors,
  validateUpdate: leaseErrors,
};

function leaseErrors({ spec }: Lease): Cause[] {
  const errors: Cause[] = [];
  const { leaseDurationSeconds: duration, leaseTransitions: transitions } = spec ?? {};
  if (duration !== undefined && duration <= 0)
    errors.push(invalidValue('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
  if (transitions !== undefined && transitions < 0)
    errors.push(invalidValue('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
  return errors;
}
