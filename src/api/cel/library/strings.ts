import type { Environment } from '@marcbachmann/cel-js';
import { compilePattern } from '../../pattern.ts';
import { durationText, timestampText } from './conversions.ts';

class StringsNamespace {}

/** Strings and regular expressions (cel-go ext/strings.go; apiserver pkg/cel/library/regex.go). */
export function registerStrings(environment: Environment): void {
  const sync = { async: false };
  environment
    .registerFunction(
      'string.find(string): string',
      (text: string, pattern: string) => compilePattern(pattern).exec(text)?.[0] ?? '',
      sync,
    )
    .registerFunction(
      'string.findAll(string): list<string>',
      (text: string, pattern: string) => findAll(text, pattern),
      sync,
    )
    .registerFunction(
      'string.findAll(string, int): list<string>',
      (text: string, pattern: string, limit: bigint) =>
        limit < 0n ? findAll(text, pattern) : findAll(text, pattern).slice(0, Number(limit)),
      sync,
    )
    .registerFunction(
      'string.replace(string, string): string',
      (text: string, from: string, to: string) => text.replaceAll(from, () => to),
      sync,
    )
    .registerFunction(
      'string.replace(string, string, int): string',
      (text: string, from: string, to: string, limit: bigint) => replaceSome(text, from, to, Number(limit)),
      sync,
    )
    .registerFunction('string.charAt(int): string', charAt, sync)
    .registerFunction('string.format(list): string', formatText, sync)
    .registerType('StringsNamespace', StringsNamespace)
    .registerConstant('strings', 'StringsNamespace', new StringsNamespace())
    .registerFunction('StringsNamespace.quote(string): string', (_, text: string) => quote(text), sync);
}

const findAll = (text: string, pattern: string) => [...text.matchAll(compilePattern(pattern, 'g'))].map(([all]) => all);

function replaceSome(text: string, from: string, to: string, limit: number): string {
  if (limit < 0) return text.replaceAll(from, () => to);
  const parts = text.split(from);
  const count = Math.min(limit, parts.length - 1);
  return [parts.slice(0, count + 1).join(to), ...parts.slice(count + 1)].join(from);
}

function charAt(text: string, index: bigint): string {
  const characters = [...text];
  if (index < 0n || index > characters.length) throw new Error(`index out of range: ${index}`);
  return characters[Number(index)] ?? '';
}

function formatText(text: string, values: unknown[]): string {
  let next = 0;
  return text.replace(/%(%|(?:\.\d+)?[^%]|$)/gsu, (_, verb: string) => {
    if (verb === '%') return '%';
    if (!/[sdfexXob]$/.test(verb))
      throw new Error(`could not parse formatting clause: unrecognized formatting clause ${JSON.stringify(verb)}`);
    if (next >= values.length) throw new Error(`index ${next} out of range`);
    return formatted(verb, values[next++]);
  });
}

function formatted(verb: string, value: unknown): string {
  const kind = verb.at(-1);
  const digits = verb.length > 1 ? Number(verb.slice(1, -1)) : 6;
  if (kind === 'f') return fixed(real(value, 'fixed-point'), digits);
  if (kind === 'e') {
    const number = real(value, 'scientific');
    return Number.isFinite(number)
      ? number.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2')
      : shownValue(number);
  }
  if (kind === 'x' || kind === 'X') {
    const isText = typeof value === 'string' || value instanceof Uint8Array;
    const text = isText ? Buffer.from(value as string).toString('hex') : integer(value).toString(16);
    return kind === 'X' ? text.toUpperCase() : text;
  }
  if (kind === 'd') return typeof value === 'number' ? shownValue(value) : integer(value).toString();
  if (kind === 'o') return integer(value).toString(8);
  if (kind === 'b') return typeof value === 'boolean' ? String(Number(value)) : integer(value).toString(2);
  return shownValue(value);
}

/** As Go rounds: what lies in the middle goes to the even digit, which matters only where it lies there exactly. */
function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return shownValue(value);
  const scaled = Math.abs(value) * 10 ** digits;
  const isMiddle = scaled < 2 ** 52 && scaled - Math.floor(scaled) === 0.5 && Math.floor(scaled) % 2 === 0;
  return (isMiddle ? (Math.sign(value) * Math.floor(scaled)) / 10 ** digits : value).toFixed(digits);
}

function real(value: unknown, clause: string): number {
  if (typeof value === 'number' || typeof value === 'bigint' || isUnsigned(value)) return Number(value);
  if (typeof value === 'string' && /^(NaN|[+-]?Infinity)$/.test(value)) return Number(value);
  throw new Error(`error during formatting: ${clause} clause can only be used on doubles, was given ${kindOf(value)}`);
}

function integer(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (isUnsigned(value)) return value.valueOf();
  throw new Error('error during formatting: only integers can be formatted that way');
}

const isUnsigned = (value: unknown): value is { valueOf(): bigint } =>
  typeof value === 'object' && value !== null && typeof value.valueOf() === 'bigint';

const kindOf = (value: unknown) => (value === null ? 'null_type' : typeof value);

/** A value as %s prints it. */
export function shownValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shownValue).join(', ')}]`;
  if (value === null) return 'null';
  if (value instanceof Date) return timestampText(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (value instanceof Map) return shownMap([...value]);
  if (typeof value === 'object' && value.constructor === Object) return shownMap(Object.entries(value as object));
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value === 'object' && 'seconds' in value && 'nanos' in value) return durationText(value as never);
  return String(value).replace(/^Type<(.*)>$/, '$1');
}

function shownMap(entries: [unknown, unknown][]): string {
  const shown = entries.map(([key, value]) => `${shownValue(key)}: ${shownValue(value)}`);
  return `{${shown.sort().join(', ')}}`;
}

/** strconv-like quoting of cel-go's strings.quote(). */
function quote(text: string): string {
  const escapes: Record<string, string> = {
    ...{ '\u0007': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v' },
    ...{ '\\': '\\\\', '"': '\\"' },
  };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is escaped
  return `"${text.replace(/[\u0007\b\f\n\r\t\v\\"]/g, (one) => escapes[one]!)}"`;
}
