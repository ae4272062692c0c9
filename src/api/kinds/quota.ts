import type { LimitRange, LimitRangeItem, ResourceQuota } from '../generated/core-v1.ts';
import type { Kind } from '../kind.ts';
import { compareQuantities } from '../quantity.ts';
import type { Cause } from '../status-error.ts';
import { at, duplicate, forbiddenField, invalidValue, required, sameValue } from '../validation/field-error.ts';
import { quotaNameErrors, scopeErrors, scopeSelectorErrors } from '../validation/quota.ts';
import { validateContainerResourceName, validateQuantity } from '../validation/resources.ts';

/** pkg/apis/core/validation ValidateResourceQuota. */
export const resourceQuota: Kind<ResourceQuota> = {
  type: 'core/v1.ResourceQuota',
  hasGeneration: false,
  validate: quotaErrors,
  validateUpdate: (quota, old) => [
    ...quotaErrors(quota),
    ...(sameValue([...(quota.spec?.scopes ?? [])].sort(), [...(old.spec?.scopes ?? [])].sort())
      ? []
      : [invalidValue('spec.scopes', quota.spec?.scopes ?? [], 'field is immutable')]),
  ],
};

/** pkg/apis/core/validation ValidateLimitRange. */
export const limitRange: Kind<LimitRange> = {
  type: 'core/v1.LimitRange',
  validate: ({ spec }) => {
    const seen = new Set<string>();
    return (spec?.limits ?? []).flatMap((item, i) => {
      const own = at('spec.limits', i);
      const errors = itemErrors(item, own);
      if (seen.has(item.type)) errors.push(duplicate(`${own}.type`, item.type));
      seen.add(item.type);
      return errors;
    });
  },
};

function quotaErrors({ spec }: ResourceQuota): Cause[] {
  const names = Object.keys(spec?.hard ?? {}).sort();
  return [
    ...names.flatMap((name) => {
      const own = `spec.hard[${name}]`;
      return [...quotaNameErrors(name, own), ...validateQuantity(name, spec!.hard![name]!, own)];
    }),
    ...scopeErrors(spec?.scopes ?? [], names),
    ...scopeSelectorErrors(spec?.scopeSelector, names),
  ];
}

function itemErrors(item: LimitRangeItem, path: string): Cause[] {
  const { type, min = {}, max = {}, default: limit = {}, defaultRequest = {}, maxLimitRequestRatio = {} } = item;
  const errors: Cause[] = [];
  if (!type.includes('/') && !['Pod', 'Container', 'PersistentVolumeClaim'].includes(type))
    errors.push(invalidValue(`${path}.type`, type, 'must be a standard limit type or fully qualified'));
  const lists = { max, min, default: limit, defaultRequest, maxLimitRequestRatio };
  for (const [list, amounts] of Object.entries(lists))
    for (const name of Object.keys(amounts))
      if (type === 'Pod' || type === 'Container')
        errors.push(...validateContainerResourceName(name, `${path}.${list}[${name}]`));
  if (type === 'Pod')
    for (const list of ['default', 'defaultRequest'] as const)
      if (Object.keys(lists[list]).length)
        errors.push(forbiddenField(`${path}.${list}`, "may not be specified when `type` is 'Pod'"));
  if (type === 'PersistentVolumeClaim' && min.storage === undefined && max.storage === undefined)
    errors.push(
      required(`${path}.limits`, 'either minimum or maximum storage value is required, but neither was provided'),
    );
  const ordered = (
    list: string,
    low: Record<string, string>,
    high: Record<string, string>,
    text: [string, string],
    shown: 'low' | 'high',
  ) => {
    for (const [name, amount] of Object.entries(low)) {
      const bound = high[name];
      if (bound === undefined || compareQuantities(amount, bound) <= 0) continue;
      errors.push(
        invalidValue(
          `${path}.${list}[${name}]`,
          shown === 'low' ? amount : bound,
          `${text[0]} value ${amount} is greater than ${text[1]} value ${bound}`,
        ),
      );
    }
  };
  ordered('min', min, max, ['min', 'max'], 'low');
  ordered('defaultRequest', min, defaultRequest, ['min', 'default request'], 'high');
  ordered('defaultRequest', defaultRequest, max, ['default request', 'max'], 'low');
  ordered('defaultRequest', defaultRequest, limit, ['default request', 'default limit'], 'low');
  ordered('default', min, limit, ['min', 'default'], 'low');
  ordered('default', limit, max, ['default', 'max'], 'high');
  return errors;
}
