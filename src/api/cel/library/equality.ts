/** Equality as CEL has it: numbers of all types compare, lists and maps by what they hold. */
export function sameCelValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isNumber(a) && isNumber(b)) return Number(a) === Number(b);
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((one, i) => sameCelValue(one, b[i]));
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (!isObject(a) || !isObject(b) || a.constructor !== b.constructor) return false;
  const [left, right] = [entriesOf(a), entriesOf(b)];
  return (
    left.size === right.size && [...left].every(([key, value]) => right.has(key) && sameCelValue(value, right.get(key)))
  );
}

const isNumber = (value: unknown) => typeof value === 'number' || typeof value === 'bigint';
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const entriesOf = (value: object): Map<unknown, unknown> =>
  value instanceof Map ? value : new Map(Object.entries(value));
