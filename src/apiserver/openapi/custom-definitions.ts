import { definitionName, reachable, resourceDefinition } from './definition-names.ts';
import type { DescribedResource } from './documents.ts';
import { type Dialect, type Json, reference, structSchema } from './schema.ts';

const conventions = 'More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md';
const metadataText = `Standard object's metadata. ${conventions}#metadata`;

/** What clients print of the fields that every object has (`kubectl explain`). */
const typeMeta: Json = {
  apiVersion: {
    type: 'string',
    description: `APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. ${conventions}#resources`,
  },
  kind: {
    type: 'string',
    description: `Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. ${conventions}#types-kinds`,
  },
};

/** The definitions of a custom resource and its list (apiextensions-apiserver pkg/controller/openapi/builder). */
export function addCustomDefinitions(
  result: Record<string, Json>,
  resource: DescribedResource,
  dialect: Dialect,
): void {
  const { group, version, kind, schema } = resource;
  const name = resourceDefinition(resource);
  const listKind = resource.listKind ?? `${kind}List`;
  const metadata = objectMeta(dialect);
  const unknown = !schema || (dialect === 'v2' && schema['x-kubernetes-preserve-unknown-fields']);
  const shown = unknown ? {} : published(schema, dialect);
  result[name] = {
    ...shown,
    type: 'object',
    // Where anything may be, nothing may be named: kubectl would refuse the rest.
    ...(unknown ? {} : { properties: { ...(shown.properties as Json | undefined), ...typeMeta, metadata } }),
    'x-kubernetes-group-version-kind': [{ group, kind, version }],
  };
  result[`${name}List`] = {
    description: `${listKind} is a list of ${kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      ...typeMeta,
      items: {
        description: `List of ${resource.resource}.`,
        type: 'array',
        items: reference(name, dialect),
      },
      metadata: reference(definitionName('meta/v1.ListMeta'), dialect),
    },
    'x-kubernetes-group-version-kind': [{ group, kind: listKind, version }],
  };
  for (const type of reachable(['meta/v1.ObjectMeta', 'meta/v1.ListMeta', 'meta/v1.Status'])) {
    result[definitionName(type)] ??= structSchema(type, dialect);
  }
}

function objectMeta(dialect: Dialect): Json {
  const target = reference(definitionName('meta/v1.ObjectMeta'), dialect);
  return dialect === 'v2' ? { description: metadataText, ...target } : { description: metadataText, allOf: [target] };
}

/** A schema as it is published: for v2 without what that version does not know (ToStructuralOpenAPIV2). */
function published(schema: Json, dialect: Dialect): Json {
  const out: Json = { ...schema };
  if (dialect === 'v2') simplify(out);
  const { properties, items, additionalProperties } = out;
  if (properties) out.properties = mapValues(properties as Record<string, Json>, (one) => published(one, dialect));
  if (items) out.items = published(items as Json, dialect);
  if (typeof additionalProperties === 'object')
    out.additionalProperties = published(additionalProperties as Json, dialect);
  const isOpen = dialect === 'v2' && out['x-kubernetes-preserve-unknown-fields'];
  if (out['x-kubernetes-embedded-resource'] && !isOpen) {
    out.properties = { ...(out.properties as Json), ...typeMeta, metadata: objectMeta(dialect) };
    out.required = [...new Set([...((out.required as string[]) ?? []), 'kind', 'apiVersion'])];
  }
  return out;
}

function simplify(out: Json): void {
  for (const key of ['allOf', 'oneOf', 'anyOf', 'not', 'x-kubernetes-validations']) delete out[key];
  if (out.nullable || out['x-kubernetes-preserve-unknown-fields']) {
    if (out.nullable || out.type === 'object') delete out.type;
    delete out.nullable;
    delete out.items;
    delete out.properties;
  }
  // kubectl knows no array without a schema of its items.
  if (out.type === 'array' && !out.items) delete out.type;
  const properties = Object.entries((out.properties ?? {}) as Record<string, Json>);
  const nullable = new Set(properties.filter(([, one]) => one.nullable).map(([name]) => name));
  if (nullable.size > 0 && out.required) {
    const required = (out.required as string[]).filter((name) => !nullable.has(name));
    if (required.length > 0) out.required = required;
    else delete out.required;
  }
}

function mapValues(values: Record<string, Json>, change: (value: Json) => Json): Record<string, Json> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}
