import type { ParsedType, ScalarName } from '../facts.ts';
import { type MessagePlan, messagePlan } from './message-plan.ts';
import { fixed64, lengthDelimited, varint, type Writer } from './wire.ts';

type JsonObject = Record<string, unknown>;

/** Writes the fields of a struct. Zero values that are not in the object are left out: readers take them for granted. */
export function encodeMessage(writer: Writer, plan: MessagePlan, object: JsonObject): void {
  for (let i = plan.fields.length - 1; i >= 0; i--) {
    const field = plan.fields[i]!;
    if ('embedded' in field) {
      const before = writer.length;
      encodeMessage(writer, field.embedded, object);
      if (writer.length > before) writer.closeNested(field.number, before);
      continue;
    }
    const value = object[field.facts.name];
    if (value === undefined || value === null) continue;
    if (field.union && field.union !== 'strings') encodeUnion(writer, field.number, field.union, value);
    else encodeField(writer, field.number, field.facts.parsed, value, field.union);
  }
}

function encodeField(writer: Writer, number: number, type: ParsedType, value: unknown, union?: string): void {
  if (type.kind === 'list') {
    const list = value as unknown[];
    for (let i = list.length - 1; i >= 0; i--) encodeOne(writer, number, type.of, list[i]);
  } else if (type.kind === 'map') encodeMap(writer, number, type.of, value as JsonObject, union);
  else encodeOne(writer, number, type, value);
}

/** A map is a list of messages {key = 1, value = 2}; Go writes it in the order of its keys. */
function encodeMap(writer: Writer, number: number, of: ParsedType, map: JsonObject, union?: string): void {
  for (const key of Object.keys(map).sort().reverse()) {
    const before = writer.length;
    if (union) encodeUnion(writer, 2, union, map[key]);
    else if (of.kind === 'list') encodeStringList(writer, map[key] as string[]);
    else encodeOne(writer, 2, of, map[key]);
    writer.string(key);
    writer.varint(Buffer.byteLength(key));
    writer.tag(1, lengthDelimited);
    writer.closeNested(number, before);
  }
}

/** ExtraValue and its like: protobuf knows no map of lists, so the list is wrapped in a message {items = 1}. */
function encodeStringList(writer: Writer, list: string[]): void {
  const before = writer.length;
  for (let i = list.length - 1; i >= 0; i--) encodeScalar(writer, 1, 'string', list[i]);
  writer.closeNested(2, before);
}

function encodeOne(writer: Writer, number: number, type: ParsedType, value: unknown): void {
  if (type.kind === 'struct') {
    const before = writer.length;
    encodeMessage(writer, messagePlan(type.name), (value ?? {}) as JsonObject);
    writer.closeNested(number, before);
  } else if (type.kind === 'scalar') encodeScalar(writer, number, type.name, value);
  else throw new Error(`no protobuf form of a ${type.kind} within a list or map`);
}

function encodeScalar(writer: Writer, number: number, name: ScalarName, value: unknown): void {
  const before = writer.length;
  switch (name) {
    case 'bool':
      writer.varint(value ? 1 : 0);
      writer.tag(number, varint);
      return;
    case 'int32':
    case 'int64':
    case 'byte':
    case 'duration':
      writer.varint(Number(value));
      writer.tag(number, varint);
      return;
    case 'double':
      writer.double(Number(value));
      writer.tag(number, fixed64);
      return;
    case 'string':
      writer.string(String(value));
      break;
    case 'bytes':
      writer.bytes(Buffer.from(String(value), 'base64'));
      break;
    case 'quantity':
      encodeScalar(writer, 1, 'string', value);
      break;
    case 'intOrString':
      encodeIntOrString(writer, value);
      break;
    case 'time':
    case 'microTime':
      encodeTime(writer, String(value), name);
      break;
    case 'raw':
    case 'json':
    case 'fieldsV1':
      encodeScalar(writer, 1, 'string', JSON.stringify(value));
      break;
  }
  writer.closeNested(number, before);
}

/** intstr.IntOrString: {type = 1, intVal = 2, strVal = 3}, all of them always. */
function encodeIntOrString(writer: Writer, value: unknown): void {
  const isString = typeof value === 'string';
  encodeScalar(writer, 3, 'string', isString ? value : '');
  encodeScalar(writer, 2, 'int32', isString ? 0 : value);
  encodeScalar(writer, 1, 'int32', isString ? 1 : 0);
}

/** metav1.Timestamp: {seconds = 1, nanos = 2}; metav1.Time has no fractions, MicroTime six digits. */
function encodeTime(writer: Writer, text: string, name: 'time' | 'microTime'): void {
  const milliseconds = Date.parse(text);
  if (Number.isNaN(milliseconds)) throw new Error(`not a time: ${JSON.stringify(text)}`);
  const digits = name === 'microTime' ? (/\.(\d{1,6})/.exec(text)?.[1] ?? '') : '';
  encodeScalar(writer, 2, 'int32', Number(digits.padEnd(6, '0')) * 1000);
  encodeScalar(writer, 1, 'int64', Math.floor(milliseconds / 1000));
}

/** JSONSchemaPropsOrArray, OrBool, OrStringArray of apiextensions. */
function encodeUnion(writer: Writer, number: number, union: string, value: unknown): void {
  const schema: ParsedType = { kind: 'struct', name: 'apiextensions/v1.JSONSchemaProps' };
  const before = writer.length;
  if (union === 'bool') {
    if (typeof value === 'object') encodeOne(writer, 2, schema, value);
    encodeScalar(writer, 1, 'bool', typeof value === 'object' ? true : value);
  } else if (Array.isArray(value)) {
    const of: ParsedType = union === 'strings' ? { kind: 'scalar', name: 'string' } : schema;
    encodeField(writer, 2, { kind: 'list', of }, value);
  } else encodeOne(writer, 1, schema, value);
  writer.closeNested(number, before);
}
