import { type FieldFacts, mustTypeFacts, type ParsedType } from '../facts.ts';
import { deduced, type ListSchema, type MapSchema, type ScalarSchema, type Schema } from './schema.ts';

/** The schema of a built-in type, such as 'apps/v1.Deployment'. */
export function factsSchema(type: string): MapSchema {
  const known = structs.get(type);
  if (known) return known;
  const fields = new Map<string, Schema>();
  const implied = new Map<string, Record<string, never> | null>();
  const schema: MapSchema = { kind: 'map', field: (name) => fields.get(name), element: undefined, implied };
  // Before its fields: types such as JSONSchemaProps contain themselves.
  structs.set(type, schema);
  for (const field of mustTypeFacts(type).fields.values()) {
    // Who owns what is never itself compared or owned (managedfields RemoveObjectManagedFields).
    if (type === 'meta/v1.ObjectMeta' && field.name === 'managedFields') continue;
    fields.set(field.name, fieldSchema(field));
    if (field.pointer) continue;
    if (field.parsed.kind === 'struct') implied.set(field.name, emptyStruct);
    else if ((!field.optional || field.written) && (field.parsed.kind === 'list' || field.parsed.kind === 'map')) {
      implied.set(field.name, null);
    }
  }
  return schema;
}

const structs = new Map<string, MapSchema>();
const emptyStruct: Record<string, never> = Object.freeze({});

function fieldSchema(field: FieldFacts): Schema {
  if (field.parsed.kind === 'list') return listSchema(field, field.parsed.of);
  if (field.mapType === 'atomic') return { kind: 'atomic', of: 'map' };
  return schemaOf(field.parsed);
}

function schemaOf(type: ParsedType): Schema {
  switch (type.kind) {
    case 'struct':
      return mustTypeFacts(type.name).atomic ? { kind: 'atomic', of: 'map' } : factsSchema(type.name);
    case 'map':
      return { kind: 'map', field: () => undefined, element: schemaOf(type.of), implied: new Map() };
    case 'list':
      return { kind: 'atomic', of: 'list' };
    case 'scalar':
      return scalarSchema(type.name);
  }
}

function scalarSchema(name: string): Schema {
  switch (name) {
    case 'raw':
    case 'json':
    case 'fieldsV1':
      return deduced;
    case 'bool':
      return boolean;
    case 'int32':
    case 'int64':
    case 'double':
    case 'byte':
      return numeric;
    case 'quantity':
    case 'intOrString':
      return any;
    default:
      return string;
  }
}

const string: ScalarSchema = { kind: 'scalar', type: 'string' };
const numeric: ScalarSchema = { kind: 'scalar', type: 'numeric' };
const boolean: ScalarSchema = { kind: 'scalar', type: 'boolean' };
const any: ScalarSchema = { kind: 'scalar', type: 'any' };

/** listType and listMapKeys; where they are missing, the patch strategy (kube-openapi schemaconv). */
function listSchema(field: FieldFacts, of: ParsedType): Schema {
  const merges = (field.patchStrategy ?? '').split(',').includes('merge');
  const listType = field.listType ?? (!merges ? 'atomic' : field.patchMergeKey ? 'map' : 'set');
  if (listType === 'atomic') return { kind: 'atomic', of: 'list' };
  const keys = listType === 'set' ? undefined : (field.listMapKeys ?? [field.patchMergeKey ?? '']);
  const list: ListSchema = {
    kind: 'list',
    keys: keys && [...keys].sort(),
    keyDefaults: keys && of.kind === 'struct' ? defaultsOf(of.name, keys) : {},
    element: schemaOf(of),
  };
  return list;
}

function defaultsOf(type: string, keys: readonly string[]): Record<string, unknown> {
  const defaults: Record<string, unknown> = {};
  for (const key of keys) {
    const value = mustTypeFacts(type).fields.get(key)?.default;
    if (value !== undefined) defaults[key] = value;
  }
  return defaults;
}
