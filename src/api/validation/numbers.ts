import { percentage } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { invalidEach, invalidValue, none } from './field-error.ts';

/** Fields that may be left out, but not be below zero. */
export function nonNegative<T extends object>(
  object: T | undefined,
  fields: readonly (keyof T & string)[],
  path: string,
): Cause[] {
  if (!object) return none;
  return fields.flatMap((field) => {
    const value = object[field] as number | undefined;
    return value !== undefined && value < 0
      ? [invalidValue(`${path}.${field}`, value, 'must be greater than or equal to 0')]
      : none;
  });
}

/** 3 or '25%' (pkg/apis/apps/validation ValidatePositiveIntOrPercent). */
export function validateIntOrPercent(value: number | string | undefined, path: string): Cause[] {
  if (value === undefined) return none;
  if (typeof value === 'string') return invalidEach(path, value, percentage(value));
  return value < 0 ? [invalidValue(path, value, 'must be greater than or equal to 0')] : none;
}

export function atMost100Percent(value: number | string | undefined, path: string): Cause[] {
  return typeof value === 'string' && /^[0-9]+%$/.test(value) && Number.parseInt(value, 10) > 100
    ? [invalidValue(path, value, 'must not be greater than 100%')]
    : none;
}

/** The number in 3 or '25%', to compare with zero. */
export function intOrPercentValue(value: number | string | undefined): number {
  if (typeof value !== 'string') return value ?? 0;
  return /^[0-9]+%?$/.test(value) ? Number.parseInt(value, 10) : 0;
}

/** collisionCount only grows. */
export function notDecremented(now: number | undefined, before: number | undefined, path: string): Cause[] {
  return before !== undefined && (now ?? 0) < before ? [invalidValue(path, now ?? 0, 'cannot be decremented')] : none;
}
