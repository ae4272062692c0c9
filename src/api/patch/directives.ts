import { isObject, type JsonObject, setOwn } from './json-value.ts';

/** Speaks of the map that it is in: 'replace', 'delete' or, in lists, 'merge'. */
export const patchDirective = '$patch';
export const retainKeysDirective = '$retainKeys';
/** `$deleteFromPrimitiveList/finalizers: [a]` takes values out of a list of primitives. */
export const deletePrefix = '$deleteFromPrimitiveList';
/** `$setElementOrder/containers: [{name: a}]` orders a merged list. */
export const orderPrefix = '$setElementOrder';

/** A value that is new to the object: its nulls and directives have nothing to act on and must not be stored. */
export function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !hasPatchDirective(item)).map(withoutDirectives);
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    if (member === null || key === retainKeysDirective || hasPatchDirective(member)) continue;
    if (key.startsWith(deletePrefix) || key.startsWith(orderPrefix)) continue;
    setOwn(result, key, withoutDirectives(member));
  }
  return result;
}

export function hasPatchDirective(value: unknown): boolean {
  return isObject(value) && Object.hasOwn(value, patchDirective);
}

/** A value as Go's %v prints it. */
export function goValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (value === null || value === undefined) return '<nil>';
  if (!isObject(value)) return String(value);
  const keys = Object.keys(value).sort();
  return `map[${keys.map((key) => `${key}:${goValue(value[key])}`).join(' ')}]`;
}

/** The Go type that a decoded JSON value has. */
export function goTypeOf(value: unknown): string {
  if (value === null || value === undefined) return '%!s(<nil>)';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}
