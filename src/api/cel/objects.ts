import { type Environment, Optional } from '@marcbachmann/cel-js';
import { isMap } from '../structural/json-schema.ts';
import { unescapeName } from './values.ts';

/** Part of an object that an expression makes: `Object.spec.template{...}`; the path of an `Object{...}` itself is empty. */
abstract class Message {
  readonly path: string;
  readonly fields: Record<string, unknown>;
  constructor(path: string, fields: Record<string, unknown>) {
    this.path = path;
    this.fields = fields;
  }
}

export class CelObject extends Message {}
class CelObjectField extends Message {}

export class CelJsonPatch {
  readonly fields: Record<string, unknown>;
  constructor(fields: Record<string, unknown>) {
    this.fields = fields;
  }
}

const patchFields = new Set(['op', 'path', 'from', 'value']);

/** The types of mutating policies: Object, its parts, and JSONPatch (apiserver pkg/cel/mutation). */
export function registerObjects(environment: Environment): Environment {
  return environment
    .registerType('Object', CelObject)
    .registerType('Object.field', CelObjectField)
    .registerType('JSONPatch', CelJsonPatch)
    .registerFunction('object__(map): Object', (fields: Fields) => new CelObject('', present(fields)), sync)
    .registerFunction(
      'objectField__(string, map): Object.field',
      (path: string, fields: Fields) => new CelObjectField(path, present(fields)),
      sync,
    )
    .registerFunction(
      'jsonPatch__(map): JSONPatch',
      (fields: Fields) => {
        const given = present(fields);
        const unknown = Object.keys(given).find((name) => !patchFields.has(name));
        if (unknown) throw new Error(`undefined field '${unknown}'`);
        return new CelJsonPatch(given);
      },
      sync,
    )
    .registerType('JSONPatchNamespace', JsonPatchNamespace)
    .registerConstant('jsonpatch', 'JSONPatchNamespace', new JsonPatchNamespace())
    .registerFunction(
      'JSONPatchNamespace.escapeKey(string): string',
      (_: JsonPatchNamespace, key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1'),
      sync,
    );
}

type Fields = Record<string, unknown> | Map<string, unknown>;
class JsonPatchNamespace {}
const sync = { async: false };

/** Fields that were written `?name: optional` are there only if the value is. */
function present(fields: Fields): Record<string, unknown> {
  const entries = fields instanceof Map ? [...fields] : Object.entries(fields);
  const result: Record<string, unknown> = {};
  for (const [name, value] of entries) {
    if (!name.startsWith('?')) result[name] = value;
    else if (value instanceof Optional) {
      if (value.hasValue()) result[name.slice(1)] = value.value();
    } else throw new Error(`field '${name.slice(1)}' must be optional`);
  }
  return result;
}

/** The JSON of what an expression gave; throws where it is none. */
export function toJson(value: unknown, path = ''): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  if (Array.isArray(value)) return value.map((item) => toJson(item, path));
  if (value instanceof Message) {
    if (value.path !== path)
      throw new Error(
        `type mismatch: unexpected type name ${JSON.stringify(typeName(value.path))}, expected ${JSON.stringify(typeName(path))}, which matches field name path from root Object type`,
      );
    return fieldsToJson(value.fields, path);
  }
  if (value instanceof Date) return value.toISOString().replace(/\.000Z$/, 'Z');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Map) return fieldsToJson(Object.fromEntries(value), path);
  if (isMap(value) && (value.constructor === Object || value.constructor === undefined))
    return fieldsToJson(value, path);
  throw new Error(`the value of ${path || 'the expression'} could not be converted to JSON`);
}

const typeName = (path: string) => (path ? `Object.${path}` : 'Object');

function fieldsToJson(fields: Record<string, unknown>, path: string): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields))
    result[unescapeName(name)] = toJson(value, path ? `${path}.${name}` : name);
  return result;
}

/** The JSON patch of a list of JSONPatch{...}; values may be parts of an object wherever they belong. */
export function jsonPatchOf(value: unknown): object[] {
  if (!Array.isArray(value)) throw new Error('type mismatch: JSONPatchType.expression should evaluate to array');
  return value.map((item) => {
    if (!(item instanceof CelJsonPatch))
      throw new Error('type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch');
    const { value: content, ...rest } = item.fields;
    return { ...rest, ...(content === undefined ? {} : { value: toJson(content, pathOf(content)) }) };
  });
}

function pathOf(value: unknown): string {
  const first = Array.isArray(value) ? value[0] : value;
  return first instanceof Message ? first.path : '';
}
