import type { JSONSchemaProps } from '../generated/apiextensions-v1.ts';

/** JSONSchemaProps with what its facts leave open: the schema of a custom resource (OpenAPI v3 as Kubernetes allows it). */
export type JsonSchema = Omit<
  JSONSchemaProps,
  'items' | 'additionalProperties' | 'properties' | 'allOf' | 'anyOf' | 'oneOf' | 'not'
> & {
  items?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  properties?: Record<string, JsonSchema>;
  allOf?: JsonSchema[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  not?: JsonSchema;
};

export type JsonMap = Record<string, unknown>;

export function isMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The schema of a key that is no declared property. */
export function extraSchema(schema: JsonSchema): JsonSchema | undefined {
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** The schema of one field of an object. */
export function fieldSchema(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  if (!schema) return undefined;
  if (schema.properties && Object.hasOwn(schema.properties, name)) return schema.properties[name];
  return extraSchema(schema);
}

export const childPath = (path: string, name: string) => (path ? `${path}.${name}` : name);

/** Calls `visit` for the schema and all that it is made of, with their paths as field errors spell them. */
export function walkSchema(schema: JsonSchema, path: string, visit: (schema: JsonSchema, path: string) => void): void {
  visit(schema, path);
  for (const [name, one] of Object.entries(schema.properties ?? {}))
    walkSchema(one, `${path}.properties[${name}]`, visit);
  const extra = extraSchema(schema);
  if (extra) walkSchema(extra, `${path}.additionalProperties`, visit);
  if (isMap(schema.items)) walkSchema(schema.items as JsonSchema, `${path}.items`, visit);
  for (const key of ['allOf', 'anyOf', 'oneOf'] as const)
    for (const [i, one] of (schema[key] ?? []).entries()) walkSchema(one, `${path}.${key}[${i}]`, visit);
  if (schema.not) walkSchema(schema.not, `${path}.not`, visit);
}
