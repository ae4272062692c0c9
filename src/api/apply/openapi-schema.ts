import { deduced, type MapSchema, type Schema } from './schema.ts';

/** The parts of an OpenAPI v3 schema that server-side apply looks at. */
export interface OpenAPISchema {
  type?: string;
  properties?: Record<string, OpenAPISchema>;
  additionalProperties?: OpenAPISchema | boolean;
  items?: OpenAPISchema | OpenAPISchema[];
  default?: unknown;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: string;
}

/**
 * The schema of a custom resource (kube-openapi pkg/schemaconv). Its metadata is that of built-in types: pass
 * `factsSchema('meta/v1.ObjectMeta')`.
 */
export function customResourceSchema(openapi: OpenAPISchema | undefined, metadata: MapSchema): Schema {
  const root = openapi ? convert(openapi) : deduced;
  const declared: Record<string, Schema> = {
    apiVersion: { kind: 'scalar', type: 'string' },
    kind: { kind: 'scalar', type: 'string' },
    metadata,
  };
  const inner = root.kind === 'map' ? root : undefined;
  return {
    kind: 'map',
    field: (name) => (Object.hasOwn(declared, name) ? declared[name] : inner?.field(name)),
    element: inner ? inner.element : deduced,
    implied: new Map([['metadata', {}]]),
  };
}

function convert(openapi: OpenAPISchema): Schema {
  if (openapi['x-kubernetes-int-or-string']) return { kind: 'scalar', type: 'any' };
  switch (openapi.type) {
    case 'object':
      return objectSchema(openapi);
    case 'array':
      return arraySchema(openapi);
    case 'string':
      return { kind: 'scalar', type: 'string' };
    case 'integer':
    case 'number':
      return { kind: 'scalar', type: 'numeric' };
    case 'boolean':
      return { kind: 'scalar', type: 'boolean' };
    default:
      return openapi.properties ? objectSchema(openapi) : deduced;
  }
}

function objectSchema(openapi: OpenAPISchema): Schema {
  if (openapi['x-kubernetes-map-type'] === 'atomic') return { kind: 'atomic', of: 'map' };
  const fields = new Map<string, Schema>();
  for (const [name, property] of Object.entries(openapi.properties ?? {})) fields.set(name, convert(property));
  const extra = openapi.additionalProperties;
  let element: Schema | undefined;
  if (typeof extra === 'object') element = convert(extra);
  else if (extra === true || openapi['x-kubernetes-preserve-unknown-fields'] || !openapi.properties) element = deduced;
  return { kind: 'map', field: (name) => fields.get(name), element, implied: new Map() };
}

function arraySchema(openapi: OpenAPISchema): Schema {
  const items = Array.isArray(openapi.items) ? openapi.items[0] : openapi.items;
  const type = openapi['x-kubernetes-list-type'];
  if (!items || (type !== 'map' && type !== 'set')) return { kind: 'atomic', of: 'list' };
  if (type === 'set') return { kind: 'list', keys: undefined, keyDefaults: {}, element: convert(items) };
  const keys = [...(openapi['x-kubernetes-list-map-keys'] ?? [])].sort();
  const keyDefaults: Record<string, unknown> = {};
  for (const key of keys) {
    const value = items.properties?.[key]?.default;
    if (value !== undefined) keyDefaults[key] = value;
  }
  return { kind: 'list', keys, keyDefaults, element: convert(items) };
}
