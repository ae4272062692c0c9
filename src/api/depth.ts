/** Values inside values beyond this are nobody's object, but the stack's end for whoever walks through them. */
export const maxDepth = 1000;

/** A value nested as deep as allowed has at least so many bytes as text: shorter ones need not be looked at. */
export const shallowBytes = 2 * maxDepth;

/** Whether a value is nested deeper than objects may be (the limit of sigs.k8s.io/json is 10,000). */
export function isTooDeep(value: unknown, left = maxDepth): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (left === 0) return true;
  if (Array.isArray(value)) {
    for (const item of value) if (isTooDeep(item, left - 1)) return true;
    return false;
  }
  for (const key in value) if (isTooDeep((value as Record<string, unknown>)[key], left - 1)) return true;
  return false;
}
