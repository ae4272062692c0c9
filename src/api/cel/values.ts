import { evaluate } from '@marcbachmann/cel-js';
import { extraSchema, isMap, type JsonSchema } from '../structural/json-schema.ts';

/** A JSON value as CEL sees it: integers are int, not double; formats of the schema have types of their own. */
export function toCel(value: unknown, schema?: JsonSchema): unknown {
  if (typeof value === 'number') {
    if (schema?.type === 'number') return value;
    return Number.isInteger(value) ? BigInt(value) : value;
  }
  if (typeof value === 'string') return schema?.format ? formattedValue(value, schema.format) : value;
  if (Array.isArray(value)) return value.map((item) => toCel(item, schema?.items));
  if (!isMap(value)) return value;
  const result: Record<string, unknown> = {};
  const extra = schema && extraSchema(schema);
  for (const [key, one] of Object.entries(value)) {
    const own = schema?.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    result[own || !extra ? escapeName(key) : key] = toCel(one, own ?? extra);
  }
  return result;
}

function formattedValue(value: string, format: string): unknown {
  if (format === 'date-time' || format === 'date') {
    const date = new Date(value);
    return Number.isNaN(date.getTime()) ? value : date;
  }
  if (format === 'byte') return new Uint8Array(Buffer.from(value, 'base64'));
  if (format === 'duration') {
    try {
      return evaluate('duration(text)', { text: value });
    } catch {
      return value;
    }
  }
  return value;
}

const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** Field names that are no CEL identifiers (apiserver pkg/cel/escaping.go). */
export function escapeName(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  if (!/[-./]|__/.test(name)) return name;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

/** The field that an identifier was made from. */
export function unescapeName(name: string): string {
  if (!name.includes('__')) return name;
  const [, word] = /^__([a-z]+)__$/.exec(name) ?? [];
  if (word && reserved.has(word)) return word;
  return name.replace(/__(underscores|dot|dash|slash)__/g, (_, what: string) => escapes[what] ?? '');
}

const escapes: Record<string, string> = { underscores: '__', dot: '.', dash: '-', slash: '/' };
