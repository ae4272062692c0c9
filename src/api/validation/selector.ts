import { validLabelValue } from '../names.ts';
import type { LabelSelector } from '../object.ts';
import type { Cause } from '../status-error.ts';
import { at, forbiddenField, invalidEach, invalidValue, required } from './field-error.ts';
import { validateLabelName, validateLabels } from './metadata.ts';

/** A label selector's syntax (apimachinery pkg/apis/meta/v1/validation ValidateLabelSelector). */
export function validateLabelSelector(selector: LabelSelector | undefined, path: string): Cause[] {
  if (!selector) return [];
  const errors = validateLabels(selector.matchLabels, `${path}.matchLabels`);
  for (const [i, requirement] of (selector.matchExpressions ?? []).entries())
    errors.push(...validateRequirement(requirement, at(`${path}.matchExpressions`, i)));
  return errors;
}

/** Whether the selector selects everything: it has no requirement. */
export function isEmptySelector(selector: LabelSelector): boolean {
  return !Object.keys(selector.matchLabels ?? {}).length && !selector.matchExpressions?.length;
}

/** Whether the labels satisfy the selector. */
export function selectorMatches(selector: LabelSelector, labels: Record<string, string>): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels[key] !== value) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels[key];
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      default:
        return value === undefined;
    }
  });
}

function validateRequirement(
  requirement: NonNullable<LabelSelector['matchExpressions']>[number],
  path: string,
): Cause[] {
  const { operator, values = [] } = requirement;
  const errors = validateSetOperator(operator, values, path) ?? [
    invalidValue(`${path}.operator`, operator, 'not a valid selector operator'),
  ];
  errors.push(...validateLabelName(requirement.key, `${path}.key`));
  for (const [i, value] of values.entries())
    errors.push(...invalidEach(at(`${path}.values`, i), value, validLabelValue(value)));
  return errors;
}

/** Whether values go with In, NotIn, Exists and DoesNotExist; undefined for any other operator. */
export function validateSetOperator(operator: string, values: string[], path: string): Cause[] | undefined {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length) return [];
      return [required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
    case 'Exists':
    case 'DoesNotExist':
      if (!values.length) return [];
      return [forbiddenField(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
    default:
      return undefined;
  }
}
