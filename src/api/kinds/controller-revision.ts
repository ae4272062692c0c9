import type { ControllerRevision } from '../generated/apps-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import { immutable, invalidValue, required } from '../validation/field-error.ts';

/** pkg/apis/apps/validation ValidateControllerRevision. */
export const controllerRevision: Kind<ControllerRevision> = {
  type: 'apps/v1.ControllerRevision',
  validate: revisionErrors,
  validateUpdate: (revision, old) => [...revisionErrors(revision), ...immutable('data', revision.data, old.data)],
};

function revisionErrors({ data, revision }: ControllerRevision): Cause[] {
  const errors: Cause[] = [];
  if (data === undefined || data === null) errors.push(required('data', 'data is mandatory'));
  if (revision < 0) errors.push(invalidValue('revision', revision, 'must be greater than or equal to 0'));
  return errors;
}
