import { extraSchema, isMap, type JsonMap, type JsonSchema } from './json-schema.ts';

/**
 * Fills in the defaults of a structural schema, in place (apiextensions-apiserver pkg/apiserver/schema/defaulting).
 * A null where none is allowed counts as absent if there is a default.
 */
export function applySchemaDefaults(value: unknown, schema: JsonSchema | undefined): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    if (!schema.items) return;
    for (let i = 0; i < value.length; i++) {
      if (isReplaceableNull(value[i], schema.items)) value[i] = structuredClone(schema.items.default);
      applySchemaDefaults(value[i], schema.items);
    }
    return;
  }
  if (!isMap(value)) return;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined) continue;
    if (!Object.hasOwn(value, name) || isReplaceableNull(value[name], property))
      value[name] = structuredClone(property.default);
  }
  const extra = extraSchema(schema);
  for (const key of Object.keys(value)) {
    const own = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : extra;
    if (!own) continue;
    if (own === extra && isReplaceableNull(value[key], extra)) value[key] = structuredClone(extra.default);
    applySchemaDefaults(value[key], own);
  }
}

/** Nulls that are neither allowed nor replaced go: 'null' means 'use the default', and there is none (PruneNonNullableNullsWithoutDefaults). */
export function dropNulls(value: unknown, schema: JsonSchema | undefined): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item, schema.items);
    return;
  }
  if (!isMap(value)) return;
  const extra = extraSchema(schema);
  for (const key of Object.keys(value)) {
    const own = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : extra;
    if (!own) continue;
    if (value[key] === null && !own.nullable && own.default === undefined && own !== extra)
      delete (value as JsonMap)[key];
    else dropNulls(value[key], own);
  }
}

export function hasDefaults(schema: JsonSchema | undefined): boolean {
  if (!schema) return false;
  return (
    schema.default !== undefined ||
    Object.values(schema.properties ?? {}).some(hasDefaults) ||
    hasDefaults(extraSchema(schema)) ||
    hasDefaults(schema.items)
  );
}

function isReplaceableNull(value: unknown, schema: JsonSchema): boolean {
  return value === null && !schema.nullable && schema.default !== undefined;
}
