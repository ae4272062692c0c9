import { type FieldFacts, mustTypeFacts, type ParsedType } from '../../api/facts.ts';
import { definitionName, special } from './definition-names.ts';
import { fieldDescription, kindDescription } from './descriptions.ts';

export type Json = Record<string, unknown>;

/** OpenAPI v2 knows neither defaults and enums of Kubernetes nor alternatives; v3 does. */
export type Dialect = 'v2' | 'v3';

const refPrefix: Record<Dialect, string> = { v2: '#/definitions/', v3: '#/components/schemas/' };

export function reference(definition: string, dialect: Dialect): Json {
  return { $ref: refPrefix[dialect] + definition };
}

export interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

/** The schema of a struct of the facts table. */
export function structSchema(type: string, dialect: Dialect, kinds: GroupVersionKind[] = []): Json {
  const facts = mustTypeFacts(type);
  const properties: Json = {};
  for (const field of [...facts.fields.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    properties[field.name] = fieldSchema(type, field, dialect);
  }
  const required = [...facts.fields.values()].filter(isRequired).map(({ name }) => name);
  const description = kindDescription(type);
  return {
    ...(description ? { description } : {}),
    type: 'object',
    ...(required.length > 0 ? { required } : {}),
    ...(facts.fields.size > 0 ? { properties } : {}),
    ...(kinds.length > 0 ? { 'x-kubernetes-group-version-kind': kinds } : {}),
    ...(facts.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
  };
}

function isRequired(field: FieldFacts): boolean {
  return !field.typeMeta && (!field.optional || field.required === true);
}

function fieldSchema(type: string, field: FieldFacts, dialect: Dialect): Json {
  const schema = typeSchema(field.parsed, dialect, field);
  const description = fieldDescription(type, field.name);
  const extra: Json = {
    ...(description ? { description } : {}),
    ...(field.listType ? { 'x-kubernetes-list-type': field.listType } : {}),
    ...(field.listType === 'map' ? { 'x-kubernetes-list-map-keys': [...new Set(field.listMapKeys)] } : {}),
    ...(field.mapType ? { 'x-kubernetes-map-type': field.mapType } : {}),
    ...(field.patchMergeKey ? { 'x-kubernetes-patch-merge-key': field.patchMergeKey } : {}),
    ...(field.patchStrategy ? { 'x-kubernetes-patch-strategy': field.patchStrategy } : {}),
  };
  if (dialect === 'v3') {
    const value = field.default ?? (field.pointer || field.optional ? undefined : zeroOf(field.parsed));
    if (value !== undefined) extra.default = value;
    if (field.enum && field.parsed.kind === 'scalar') extra.enum = [...field.enum].sort();
  }
  // In v3 nothing may stand beside a $ref.
  if (dialect === 'v3' && schema.$ref && Object.keys(extra).length > 0) return { ...extra, allOf: [schema] };
  return { ...extra, ...schema };
}

/** What Go makes of an absent value, as kube-openapi writes it down; of lists and maps nothing. */
function zeroOf(parsed: ParsedType): unknown {
  if (parsed.kind === 'struct') return {};
  if (parsed.kind !== 'scalar') return undefined;
  if (parsed.name === 'string') return '';
  if (parsed.name === 'bool') return false;
  return parsed.name === 'int32' || parsed.name === 'int64' || parsed.name === 'double' ? 0 : undefined;
}

function typeSchema(parsed: ParsedType, dialect: Dialect, field?: FieldFacts): Json {
  switch (parsed.kind) {
    case 'list':
      return { type: 'array', items: itemSchema(parsed.of, dialect) };
    case 'map':
      return { type: 'object', additionalProperties: itemSchema(parsed.of, dialect, field) };
    case 'struct':
      return reference(definitionName(parsed.name), dialect);
    case 'scalar':
      return scalarSchema(parsed.name, dialect, field?.name);
  }
}

function itemSchema(parsed: ParsedType, dialect: Dialect, field?: FieldFacts): Json {
  const schema = typeSchema(parsed, dialect, field);
  if (dialect === 'v2') return schema;
  const value = zeroOf(parsed);
  if (value === undefined) return schema;
  return schema.$ref ? { allOf: [schema], default: value } : { ...schema, default: value };
}

const scalars: Record<string, Json> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  byte: { type: 'integer', format: 'byte' },
  bytes: { type: 'string', format: 'byte' },
};

/** Fields of JSONSchemaProps that are one thing or another. */
const eitherOr: Record<string, string> = {
  items: 'JSONSchemaPropsOrArray',
  additionalItems: 'JSONSchemaPropsOrBool',
  additionalProperties: 'JSONSchemaPropsOrBool',
  dependencies: 'JSONSchemaPropsOrStringArray',
};
export const eitherOrDefinitions = [...new Set(Object.values(eitherOr))].map((name) => `apiextensions/v1.${name}`);

function scalarSchema(name: string, dialect: Dialect, fieldName = ''): Json {
  const known = scalars[name];
  if (known) return { ...known };
  if (name === 'json' && eitherOr[fieldName]) {
    return reference(definitionName(`apiextensions/v1.${eitherOr[fieldName]}`), dialect);
  }
  return reference(special[name as keyof typeof special], dialect);
}

/** Schemas of the definitions that the facts table does not hold. */
export function specialSchemas(dialect: Dialect, kinds: { watchEvent: GroupVersionKind[] }): Record<string, Json> {
  const dateTime = { type: 'string', format: 'date-time' };
  const v3 = dialect === 'v3';
  const number = { type: 'number' };
  const string = { type: 'string' };
  return {
    [special.patch]: {
      description: 'A patch in one of the formats that the Content-Type names.',
      type: 'object',
    },
    [special.time]: { description: 'A moment, as RFC 3339 writes it.', ...dateTime },
    [special.microTime]: { description: 'A moment to the microsecond, as RFC 3339 writes it.', ...dateTime },
    [special.fieldsV1]: { description: 'A set of fields, as a tree of their names.', type: 'object' },
    [special.raw]: { description: 'Any object.', type: 'object' },
    [special.quantity]: {
      description: "An amount with a suffix, such as '100m', '1.5Gi' or '2k'.",
      ...(v3 ? { oneOf: [string, number] } : string),
    },
    [special.intOrString]: {
      description: 'A number, or a string such as a name or a percentage.',
      format: 'int-or-string',
      ...(v3 ? { oneOf: [{ type: 'integer' }, string] } : string),
    },
    [special.json]: { description: 'Any JSON value.' },
    ...Object.fromEntries(eitherOrDefinitions.map((type) => [definitionName(type), {}])),
    [special.watchEvent]: {
      description: 'One change that a watch reports.',
      type: 'object',
      required: ['type', 'object'],
      properties: { object: reference(special.raw, dialect), type: string },
      'x-kubernetes-group-version-kind': kinds.watchEvent,
    },
  };
}
