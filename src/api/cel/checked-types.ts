import type { Environment } from '@marcbachmann/cel-js';
import { type FieldFacts, mustTypeFacts, type ParsedType } from '../facts.ts';
import { apiVersionOf, type ResourceInfo } from '../resource.ts';
import type { JsonSchema } from '../structural/json-schema.ts';
import type { CheckedType } from './policy-checks.ts';
import { SchemaTypes } from './schema-types.ts';
import { escapeName } from './values.ts';

type Named = Pick<ResourceInfo, 'group' | 'version' | 'kind'>;

/** As Go prints a GroupVersionKind. */
const titleOf = (info: Named) => `${apiVersionOf(info)}, Kind=${info.kind}`;

/** The type of a built-in kind, such as 'apps/v1.Deployment', as its facts have it. */
export function factsType(info: Named & Pick<ResourceInfo, 'type'>): CheckedType {
  return { title: titleOf(info), declare: (environment) => declareStruct(environment, info.type, new Map()) };
}

/** The type of a custom kind. */
export function schemaType(info: Named, schema: JsonSchema): CheckedType {
  return { title: titleOf(info), declare: (environment) => new SchemaTypes(environment).typeOf(schema, true) };
}

/** `known`: names that types have got in this environment; a type within itself is of any type. */
function declareStruct(environment: Environment, type: string, known: Map<string, string>): string {
  const found = known.get(type);
  if (found) return found;
  known.set(type, 'dyn');
  const fields: Record<string, string> = {};
  for (const field of mustTypeFacts(type).fields.values())
    fields[escapeName(field.name)] = typeOf(environment, field.parsed, known, field);
  const name = `facts.${type.replaceAll('/', '.')}`;
  environment.registerType(name, { fields });
  known.set(type, name);
  return name;
}

function typeOf(environment: Environment, type: ParsedType, known: Map<string, string>, field?: FieldFacts): string {
  switch (type.kind) {
    case 'list':
      return `list<${typeOf(environment, type.of, known)}>`;
    case 'map':
      return `map<string, ${typeOf(environment, type.of, known)}>`;
    case 'struct':
      return declareStruct(environment, type.name, known);
    case 'scalar':
      return field?.format === 'date-time' ? 'google.protobuf.Timestamp' : (scalars[type.name] ?? 'dyn');
  }
}

/** What OpenAPI says of Go's types; the rest may be anything. */
const scalars: Record<string, string> = {
  string: 'string',
  quantity: 'string',
  duration: 'string',
  bool: 'bool',
  int32: 'int',
  int64: 'int',
  double: 'double',
  byte: 'int',
  bytes: 'bytes',
  time: 'google.protobuf.Timestamp',
  microTime: 'google.protobuf.Timestamp',
};
