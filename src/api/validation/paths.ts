import type { Cause } from '../status-error.ts';
import { invalidValue, none } from './field-error.ts';

/** A path below some other: relative and never upwards (pkg/apis/core/validation validateLocalDescendingPath). */
export function validateDescendingPath(path: string, field: string): Cause[] {
  const errors = path.startsWith('/') ? [invalidValue(field, path, 'must be a relative path')] : [];
  return [...errors, ...validateNoBacksteps(path, field)];
}

export function validateNoBacksteps(path: string, field: string): Cause[] {
  return path.split('/').includes('..') ? [invalidValue(field, path, "must not contain '..'")] : none;
}

/** A path in a projected volume that may not collide with the volume's own '..data'. */
export function validateNonReservedPath(path: string, field: string): Cause[] {
  const errors = validateDescendingPath(path, field);
  if (path.startsWith('..') && !path.startsWith('../'))
    errors.push(invalidValue(field, path, "must not start with '..'"));
  return errors;
}

const modeMessage = 'must be a number between 0 and 0777 (octal), both inclusive';

export function validateFileMode(mode: number | undefined, field: string): Cause[] {
  return mode !== undefined && (mode < 0 || mode > 0o777) ? [invalidValue(field, mode, modeMessage)] : none;
}
