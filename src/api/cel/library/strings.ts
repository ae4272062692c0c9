import type { Environment } from '@marcbachmann/cel-js';
import { compilePattern } from '../../pattern.ts';

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
    .registerFunction('StringsNamespace.quote(string): string', (_, text: string) => JSON.stringify(text), sync);
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
  return text.replace(/%(%|(?:\.\d+)?[sdfexXob])/g, (_, verb: string) => {
    if (verb === '%') return '%';
    if (next >= values.length) throw new Error(`index ${next} out of range`);
    return formatted(verb, values[next++]);
  });
}

function formatted(verb: string, value: unknown): string {
  const kind = verb.at(-1);
  const digits = verb.length > 1 ? Number(verb.slice(1, -1)) : 6;
  if (kind === 'f') return Number(value).toFixed(digits);
  if (kind === 'e')
    return Number(value)
      .toExponential(digits)
      .replace(/e([+-])(\d)$/, 'e$10$2');
  if (kind === 'x' || kind === 'X') {
    const text = typeof value === 'string' ? Buffer.from(value).toString('hex') : integer(value).toString(16);
    return kind === 'X' ? text.toUpperCase() : text;
  }
  if (kind === 'd') return typeof value === 'number' ? String(value) : integer(value).toString();
  if (kind === 'o') return integer(value).toString(8);
  if (kind === 'b') return typeof value === 'boolean' ? String(Number(value)) : integer(value).toString(2);
  return shownValue(value);
}

function integer(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  throw new Error('error during formatting: only integers can be formatted that way');
}

/** A value as %s prints it. */
export function shownValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shownValue).join(', ')}]`;
  if (value === null) return 'null';
  if (value instanceof Date) return value.toISOString().replace(/\.000Z$/, 'Z');
  if (value instanceof Map) return shownValue(Object.fromEntries(value));
  if (typeof value === 'object' && value.constructor === Object)
    return `{${Object.entries(value as object)
      .map(([key, one]) => `${key}: ${shownValue(one)}`)
      .join(', ')}}`;
  return String(value);
}
