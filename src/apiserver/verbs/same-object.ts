/**
 * Whether two objects say the same, as JSON would: a field that is undefined is not there. When managed fields were set
 * is no difference (apimachinery managedfields IgnoreManagedFieldsTimestampsTransformer).
 */
export function sameObject(left: unknown, right: unknown, inManagedFields = false): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return false;
    for (let i = 0; i < left.length; i++) if (!sameObject(left[i], right[i], inManagedFields)) return false;
    return true;
  }
  if (Array.isArray(right)) return false;
  return sameFields(left as Fields, right as Fields, inManagedFields);
}

type Fields = Record<string, unknown>;

function sameFields(a: Fields, b: Fields, inManagedFields: boolean): boolean {
  for (const key in a) {
    if (inManagedFields && key === 'time') continue;
    if (!sameObject(a[key], own(b, key), key === 'managedFields')) return false;
  }
  for (const key in b) {
    if (b[key] !== undefined && !Object.hasOwn(a, key) && !(inManagedFields && key === 'time')) return false;
  }
  return true;
}

const own = (fields: Fields, key: string) => (Object.hasOwn(fields, key) ? fields[key] : undefined);
