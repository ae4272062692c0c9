import { Buffer } from 'node:buffer';
import { explainDecoding } from './explain-decoding.ts';
import { type FieldFacts, mustTypeFacts, type ParsedType, type ScalarName, typeFacts } from './facts.ts';
import type { KubeObject } from './object.ts';
import { canonicalQuantity, quantityProblem } from './quantity.ts';
import { badRequest, type StatusError } from './status-error.ts';
import { canonicalMicroTime, canonicalTime } from './time.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** Messages about duplicate fields, looked for only when somebody asks. */
export type Duplicates = () => readonly string[];

export interface DecodeOptions {
  /** What happens to unknown and duplicate fields. @default 'Warn' */
  fieldValidation?: FieldValidation;
  /** The fields that occur twice in the text the value was parsed from. */
  duplicates?: Duplicates;
}

export interface Decoded {
  object: KubeObject;
  /** For Warning headers: unknown and duplicate fields under 'Warn'. */
  warnings: string[];
  /** Why the object cannot be taken; the caller refuses it with `undecodable`. */
  errors: string[];
}

/**
 * Turns parsed JSON into an object of the type, as Go's decoder followed by its encoder would: unknown fields are gone,
 * nulls and empty optional values too, quantities and times are in canonical form, structs that are no pointers are
 * always there, and fields come in the order of their declaration.
 */
export function decodeObject(type: string, value: unknown, options: DecodeOptions = {}): Decoded {
  const state: State = { clean: true };
  const object = structDecoder(type)(value, state) as KubeObject;
  const validation = options.fieldValidation ?? 'Warn';
  const duplicates = validation === 'Ignore' ? [] : (options.duplicates?.() ?? []);
  if (state.clean && duplicates.length === 0) return { object, warnings: [], errors: [] };
  const { mismatch, unknown } = explainDecoding(type, value);
  if (mismatch) return { object, warnings: [], errors: [mismatch] };
  const strict = [...new Set([...unknown.map((path) => `unknown field ${quoted(path)}`), ...duplicates])];
  if (validation === 'Warn') return { object, warnings: strict, errors: [] };
  if (validation === 'Ignore' || strict.length === 0) return { object, warnings: [], errors: [] };
  return { object, warnings: [], errors: [`strict decoding error: ${strict.join(', ')}`] };
}

/** 400 for an object that cannot be decoded (apiserver pkg/endpoints/handlers/create.go transformDecodeError). */
export function undecodable(info: { kind: string; version: string }, errors: readonly string[]): StatusError {
  return badRequest(
    `${info.kind} in version "${info.version}" cannot be handled as a ${info.kind}: ${errors.join(', ')}`,
  );
}

/**
 * The object in canonical form: fields in the order of their declaration, maps sorted, nothing empty or undefined that Go
 * would leave out. For what defaulting and admission have changed, before it is stored.
 */
export function canonicalObject<T extends KubeObject>(type: string, object: T): T {
  return structDecoder(type)(object, { clean: true }) as T;
}

/** A struct with nothing set, as Go writes it: required scalars are zero, inner structs are empty. */
export function zeroValue(type: string): Record<string, unknown> {
  return structDecoder(type)({}, { clean: true }) as Record<string, unknown>;
}

/** Whether the value has `type` in every field, without unknown ones. */
export function isClean(type: string, value: unknown): boolean {
  const state: State = { clean: true };
  structDecoder(type)(value, state);
  return state.clean;
}

interface State {
  /** False once anything was dropped or did not fit: then the slow pass finds the words. */
  clean: boolean;
}
type Decoder = (value: unknown, state: State) => unknown;

interface FieldDecoder {
  name: string;
  decode: Decoder;
  /** What to write when the field is absent or null; undefined: nothing. */
  zero: (() => unknown) | undefined;
  /** Whether a zero value is left out. */
  omitEmpty: boolean;
}

const quoted = (path: string) => JSON.stringify(path);
/** Decoders by type expression; compiled on first use. */
const decoders = new Map<string, Decoder>();

function structDecoder(type: string): Decoder {
  const known = decoders.get(type);
  if (known) return known;
  let fields: FieldDecoder[] | undefined;
  const decoder: Decoder = (value, state) => {
    fields ??= compileFields(type);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      if (value !== undefined && value !== null) state.clean = false;
      return decodeFields(fields, {}, state);
    }
    return decodeFields(fields, value as Record<string, unknown>, state);
  };
  decoders.set(type, decoder);
  return decoder;
}

function decodeFields(fields: readonly FieldDecoder[], source: Record<string, unknown>, state: State): object {
  const out: Record<string, unknown> = {};
  let seen = 0;
  for (const { name, decode, zero, omitEmpty } of fields) {
    const value = source[name];
    if (value === undefined || value === null) {
      if (value === null) seen++;
      if (zero) out[name] = zero();
      continue;
    }
    seen++;
    const decoded = decode(value, state);
    if (omitEmpty && isZero(decoded)) continue;
    out[name] = decoded;
  }
  let keys = 0;
  for (const _ in source) keys++;
  if (keys !== seen) state.clean = false;
  return out;
}

/** What `omitempty` leaves out. Structs never come here. */
function isZero(value: unknown): boolean {
  if (value === '' || value === 0 || value === false || value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value) return false;
  return true;
}

function compileFields(type: string): FieldDecoder[] {
  return [...mustTypeFacts(type).fields.values()].map((field) => ({
    name: field.name,
    decode: decoderOf(field.parsed),
    zero: zeroOf(field),
    omitEmpty: omitsEmpty(field),
  }));
}

function omitsEmpty(field: FieldFacts): boolean {
  if (!field.optional || field.written) return false;
  if (field.parsed.kind === 'list' || field.parsed.kind === 'map') return true;
  return field.parsed.kind === 'scalar' && !field.pointer && !alwaysKept.has(field.parsed.name);
}
/** Structs in Go, which `omitempty` never leaves out, or values that any content makes non-empty. */
const alwaysKept: ReadonlySet<ScalarName> = new Set(['quantity', 'intOrString', 'raw', 'json', 'fieldsV1', 'duration']);

/**
 * Go writes structs and unmarked scalars even when nothing set them. Two departures, for the sake of readers in
 * JavaScript: an absent required list is [] and not null, an absent time is left out and not null.
 */
function zeroOf({ parsed, pointer, optional, written, name, typeMeta }: FieldFacts): (() => unknown) | undefined {
  if (pointer || typeMeta) return undefined;
  if (parsed.kind === 'struct') {
    const decoder = structDecoder(parsed.name);
    return () => decoder({}, { clean: true });
  }
  if (optional && !written) return undefined;
  if (parsed.kind === 'list') return () => [];
  if (parsed.kind === 'map') return () => ({});
  const zero = scalarZeros[parsed.name];
  return zero === undefined || name === 'creationTimestamp' ? undefined : () => zero;
}
const scalarZeros: Partial<Record<ScalarName, unknown>> = {
  string: '',
  bool: false,
  int32: 0,
  int64: 0,
  double: 0,
  byte: 0,
  quantity: '0',
  intOrString: 0,
};

function decoderOf(type: ParsedType): Decoder {
  switch (type.kind) {
    case 'struct':
      return typeFacts(type.name) ? structDecoder(type.name) : keep;
    case 'scalar':
      return scalars[type.name];
    case 'list':
      return listDecoder(decoderOf(type.of), type.of);
    case 'map':
      return mapDecoder(decoderOf(type.of), type.of);
  }
}

function listDecoder(item: Decoder, type: ParsedType): Decoder {
  return (value, state) => {
    if (!Array.isArray(value)) return fail(state, []);
    const out = new Array<unknown>(value.length);
    for (let i = 0; i < value.length; i++) out[i] = value[i] === null ? zeroItem(type) : item(value[i], state);
    return out;
  };
}

function zeroItem(type: ParsedType): unknown {
  if (type.kind === 'scalar') return scalarZeros[type.name] ?? null;
  return type.kind === 'struct' ? zeroValue(type.name) : type.kind === 'list' ? [] : {};
}

/** Maps come out sorted by key, as Go writes them. */
function mapDecoder(item: Decoder, type: ParsedType): Decoder {
  return (value, state) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(state, {});
    const source = value as Record<string, unknown>;
    const keys = Object.keys(source);
    if (keys.length > 1) keys.sort();
    const out: Record<string, unknown> = {};
    for (const key of keys) {
      const decoded = source[key] === null ? zeroItem(type) : item(source[key], state);
      if (key === '__proto__') Object.defineProperty(out, key, { value: decoded, enumerable: true, writable: true });
      else out[key] = decoded;
    }
    return out;
  };
}

function fail<T>(state: State, value: T): T {
  state.clean = false;
  return value;
}

const keep: Decoder = (value) => value;
const integer =
  (limit: number): Decoder =>
  (value, state) =>
    Number.isInteger(value) && (value as number) >= -limit - 1 && (value as number) <= limit ? value : fail(state, 0);

const scalars: Record<ScalarName, Decoder> = {
  string: (value, state) => (typeof value === 'string' ? value : fail(state, '')),
  bool: (value, state) => (typeof value === 'boolean' ? value : fail(state, false)),
  int32: integer(2 ** 31 - 1),
  int64: integer(2 ** 63),
  byte: integer(255),
  double: (value, state) => (typeof value === 'number' ? value : fail(state, 0)),
  bytes: (value, state) => {
    if (typeof value !== 'string' || !base64.test(value)) return fail(state, '');
    return /[\r\n]/.test(value) ? Buffer.from(value, 'base64').toString('base64') : value;
  },
  quantity: (value, state) => {
    if (typeof value !== 'string' && typeof value !== 'number') return fail(state, '0');
    const text = typeof value === 'number' ? String(value) : value.trim();
    return quantityProblem(text) === undefined ? canonicalQuantity(text) : fail(state, '0');
  },
  intOrString: (value, state) => (typeof value === 'string' ? value : (scalars.int32(value, state) as number | string)),
  time: (value, state) =>
    typeof value === 'string' ? (canonicalTime(value) ?? fail(state, undefined)) : fail(state, undefined),
  microTime: (value, state) =>
    typeof value === 'string' ? (canonicalMicroTime(value) ?? fail(state, undefined)) : fail(state, undefined),
  duration: (value, state) => (typeof value === 'string' ? value : fail(state, '')),
  raw: keep,
  json: keep,
  fieldsV1: keep,
};
const base64 = /^(?:[A-Za-z0-9+/\r\n]{4})*(?:[A-Za-z0-9+/\r\n=]*)$/;
