import type { MatchCondition } from '../generated/admissionregistration-v1.ts';
import { qualifiedName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { duplicate, invalidEach, required, tooMany } from './field-error.ts';

const maxConditions = 64;

/** Names and expressions are there; whether they compile is checked at admission, where the compiler is loaded. */
export function matchConditionErrors(conditions: readonly MatchCondition[] | undefined, path: string): Cause[] {
  const errors: Cause[] = [];
  if (!conditions) return errors;
  if (conditions.length > maxConditions) errors.push(tooMany(path, conditions.length, maxConditions));
  const seen = new Set<string>();
  for (const [i, { name, expression }] of conditions.entries()) {
    const own = `${path}[${i}]`;
    if (!expression?.trim()) errors.push(required(`${own}.expression`));
    if (!name) errors.push(required(`${own}.name`));
    else errors.push(...invalidEach(`${own}.name`, name, qualifiedName(name)));
    if (name && seen.has(name)) errors.push(duplicate(`${own}.name`, name));
    seen.add(name);
  }
  return errors;
}
