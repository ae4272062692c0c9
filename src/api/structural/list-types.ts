import type { Cause } from '../status-error.ts';
import { duplicate } from '../validation/field-error.ts';
import { childPath, fieldSchema, isMap, type JsonSchema } from './json-schema.ts';

/** Elements of sets and list maps may occur once (apiextensions-apiserver pkg/apiserver/schema/listtype). */
export function listTypeErrors(schema: JsonSchema | undefined, value: unknown, path = ''): Cause[] {
  if (!schema) return [];
  if (Array.isArray(value)) {
    const own = duplicates(schema, value, path);
    return [...own, ...value.flatMap((item, i) => listTypeErrors(schema.items, item, `${path}[${i}]`))];
  }
  if (!isMap(value)) return [];
  return Object.keys(value).flatMap((key) =>
    listTypeErrors(fieldSchema(schema, key), value[key], childPath(path, key)),
  );
}

function duplicates(schema: JsonSchema, list: unknown[], path: string): Cause[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const seen = new Set<string>();
  return list.flatMap((item, i) => {
    const shown = type === 'set' ? item : Object.fromEntries(keys.map((key) => [key, keyOf(schema, item, key)]));
    const id = JSON.stringify(shown);
    if (!seen.has(id)) {
      seen.add(id);
      return [];
    }
    return [duplicate(`${path}[${i}]`, shown)];
  });
}

function keyOf(schema: JsonSchema, item: unknown, key: string): unknown {
  return (isMap(item) ? item[key] : undefined) ?? schema.items?.properties?.[key]?.default;
}
