import type { JobSpec } from '../../api/generated/batch-v1.ts';
import { parseIndexes } from './indexes.ts';

/** The message of the first rule of spec.successPolicy that holds (KEP-3998, pkg/controller/job/success_policy.go). Pure. */
export function matchSuccessPolicy(spec: JobSpec, succeeded: ReadonlySet<number>): string | undefined {
  for (const [i, rule] of (spec.successPolicy?.rules ?? []).entries()) {
    const wanted = rule.succeededIndexes ? parseIndexes(rule.succeededIndexes, spec.completions ?? 0) : undefined;
    const found = wanted ? [...wanted].filter((index) => succeeded.has(index)).length : succeeded.size;
    if (found > 0 && found >= (rule.succeededCount ?? wanted?.size ?? Number.POSITIVE_INFINITY))
      return `Matched rules at index ${i}`;
  }
  return undefined;
}
