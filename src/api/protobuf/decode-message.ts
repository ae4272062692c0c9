import type { FieldFacts, ParsedType, ScalarName } from '../facts.ts';
import { setOwn } from '../patch/json-value.ts';
import { formatTime } from '../time.ts';
import { type MessagePlan, messagePlan } from './message-plan.ts';
import { lengthDelimited, Reader } from './wire.ts';

type JsonObject = Record<string, unknown>;

/** Reads what RawExtension holds when it is protobuf itself. */
export type DecodeEmbedded = (envelope: Uint8Array) => unknown;

/** Reads a struct into `object`. Go writes zero values too: those that JSON would leave out (omitempty) are dropped. */
export function decodeMessage(
  bytes: Uint8Array,
  plan: MessagePlan,
  object: JsonObject,
  raw: DecodeEmbedded,
): JsonObject {
  const reader = new Reader(bytes);
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    const field = plan.byNumber.get(number);
    if (!field) reader.skip(wireType);
    else if ('embedded' in field) decodeMessage(reader.bytes(), field.embedded, object, raw);
    else if (field.union && field.union !== 'strings')
      object[field.facts.name] = decodeUnion(reader.bytes(), field.union, raw);
    else decodeField(reader, wireType, field.facts, object, raw, field.union);
  }
  return object;
}

function decodeField(
  reader: Reader,
  wireType: number,
  facts: FieldFacts,
  object: JsonObject,
  raw: DecodeEmbedded,
  union: string | undefined,
): void {
  const { name, parsed: type } = facts;
  if (type.kind === 'list') {
    object[name] ??= [];
    decodeElements(reader, wireType, type.of, object[name] as unknown[], raw);
  } else if (type.kind === 'map') {
    object[name] ??= {};
    decodeEntry(reader.bytes(), type.of, object[name] as JsonObject, raw, union);
  } else {
    const value = decodeOne(reader, type, raw);
    if (value === undefined || (facts.optional && !facts.written && !facts.pointer && isZero(type, value))) return;
    object[name] = value;
  }
}

/** One element, or all of them packed: writers of proto3 pack numbers. */
function decodeElements(reader: Reader, wireType: number, of: ParsedType, list: unknown[], raw: DecodeEmbedded): void {
  const isNumber = of.kind === 'scalar' && numbers.has(of.name);
  if (!isNumber || wireType !== lengthDelimited) {
    list.push(decodeOne(reader, of, raw));
    return;
  }
  const packed = new Reader(reader.bytes());
  while (!packed.done) list.push(decodeOne(packed, of, raw));
}

const numbers: ReadonlySet<ScalarName> = new Set<ScalarName>(['bool', 'int32', 'int64', 'double', 'byte', 'duration']);

function decodeEntry(bytes: Uint8Array, of: ParsedType, map: JsonObject, raw: DecodeEmbedded, union?: string): void {
  const reader = new Reader(bytes);
  let key = '';
  let value: unknown;
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) key = reader.string();
    else if (number !== 2) reader.skip(wireType);
    else if (union) value = decodeUnion(reader.bytes(), union, raw);
    else if (of.kind === 'list') value = decodeStringList(reader.bytes());
    else value = decodeOne(reader, of, raw);
  }
  setOwn(map, key, value ?? zeroOf(of));
}

function zeroOf(type: ParsedType): unknown {
  if (type.kind === 'list') return [];
  if (type.kind !== 'scalar') return {};
  if (type.name === 'bool') return false;
  if (numbers.has(type.name)) return 0;
  return type.name === 'time' || type.name === 'microTime' ? null : type.name === 'quantity' ? '0' : '';
}

function decodeStringList(bytes: Uint8Array): string[] {
  const reader = new Reader(bytes);
  const list: string[] = [];
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) list.push(reader.string());
    else reader.skip(wireType);
  }
  return list;
}

/** undefined for a time that is not set. */
function decodeOne(reader: Reader, type: ParsedType, raw: DecodeEmbedded): unknown {
  if (type.kind === 'struct') return decodeMessage(reader.bytes(), messagePlan(type.name), {}, raw);
  if (type.kind !== 'scalar') throw new Error(`no protobuf form of a ${type.kind} within a list or map`);
  switch (type.name) {
    case 'string':
      return reader.string();
    case 'bool':
      return reader.signed() !== 0;
    case 'int32':
    case 'int64':
    case 'byte':
    case 'duration':
      return reader.signed();
    case 'double':
      return reader.double();
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64');
    case 'quantity':
      return decodeWrapped(reader.bytes())?.toString() ?? '0';
    case 'intOrString':
      return decodeIntOrString(reader.bytes());
    case 'time':
    case 'microTime':
      return decodeTime(reader.bytes(), type.name);
    default:
      return decodeJson(decodeWrapped(reader.bytes()), raw);
  }
}

/** The only field of Quantity, RawExtension, JSON and FieldsV1: number 1. */
function decodeWrapped(bytes: Uint8Array): Buffer | undefined {
  const reader = new Reader(bytes);
  let value: Uint8Array | undefined;
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) value = reader.bytes();
    else reader.skip(wireType);
  }
  return value && Buffer.from(value);
}

function decodeJson(bytes: Buffer | undefined, raw: DecodeEmbedded): unknown {
  if (!bytes || bytes.length === 0) return undefined;
  return bytes[0] === 0x6b && bytes[3] === 0 ? raw(bytes) : JSON.parse(bytes.toString());
}

function decodeIntOrString(bytes: Uint8Array): number | string {
  const reader = new Reader(bytes);
  let isString = false;
  let int = 0;
  let text = '';
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) isString = reader.signed() === 1;
    else if (number === 2) int = reader.signed();
    else if (number === 3) text = reader.string();
    else reader.skip(wireType);
  }
  return isString ? text : int;
}

/** An empty message is Go's zero time. */
function decodeTime(bytes: Uint8Array, name: 'time' | 'microTime'): string | undefined {
  if (bytes.length === 0) return undefined;
  const reader = new Reader(bytes);
  let seconds = 0;
  let nanos = 0;
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) seconds = reader.signed();
    else if (number === 2) nanos = reader.signed();
    else reader.skip(wireType);
  }
  const text = formatTime(new Date(seconds * 1000));
  if (name === 'time') return text;
  return `${text.slice(0, 19)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}

function decodeUnion(bytes: Uint8Array, union: string, raw: DecodeEmbedded): unknown {
  const plan = messagePlan('apiextensions/v1.JSONSchemaProps');
  const reader = new Reader(bytes);
  let allows = false;
  let schema: JsonObject | undefined;
  const list: unknown[] = [];
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (union === 'bool' && number === 1) allows = reader.signed() !== 0;
    else if (union === 'strings' && number === 2) list.push(reader.string());
    else if (union === 'array' && number === 2) list.push(decodeMessage(reader.bytes(), plan, {}, raw));
    else if (number === (union === 'bool' ? 2 : 1)) schema = decodeMessage(reader.bytes(), plan, {}, raw);
    else reader.skip(wireType);
  }
  return schema ?? (union === 'bool' ? allows : list);
}

/** What encoding/json leaves out of a field with omitempty; structs are never left out. */
function isZero(type: ParsedType, value: unknown): boolean {
  return type.kind === 'scalar' && (value === '' || value === 0 || value === false);
}
