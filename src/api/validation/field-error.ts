import { goQuote } from '../go-json.ts';
import type { Cause } from '../status-error.ts';

/** Field errors in the words of apimachinery's pkg/util/validation/field/errors.go. */

export function required(field: string, detail = ''): Cause {
  return cause('FieldValueRequired', field, 'Required value', detail);
}

export function invalidValue(field: string, value: unknown, detail: string): Cause {
  return cause('FieldValueInvalid', field, `Invalid value: ${show(value)}`, detail);
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): Cause {
  const detail = supported.length ? `supported values: ${supported.map(goQuote).join(', ')}` : '';
  return cause('FieldValueNotSupported', field, `Unsupported value: ${show(value)}`, detail);
}

export function duplicate(field: string, value: unknown): Cause {
  return cause('FieldValueDuplicate', field, `Duplicate value: ${show(value)}`, '');
}

export function notFoundValue(field: string, value: unknown): Cause {
  return cause('FieldValueNotFound', field, `Not found: ${show(value)}`, '');
}

export function forbiddenField(field: string, detail: string): Cause {
  return cause('FieldValueForbidden', field, 'Forbidden', detail);
}

export function tooLong(field: string, maxBytes: number): Cause {
  return cause(
    'FieldValueTooLong',
    field,
    'Too long',
    `may not be more than ${maxBytes} ${maxBytes === 1 ? 'byte' : 'bytes'}`,
  );
}

export function tooMany(field: string, actual: number, max: number): Cause {
  return cause(
    'FieldValueTooMany',
    field,
    `Too many: ${actual}`,
    `must have at most ${max} ${max === 1 ? 'item' : 'items'}`,
  );
}

export const immutableMessage = 'field is immutable';

/** 'field is immutable' unless both are equal. */
export function immutable(field: string, value: unknown, old: unknown): Cause[] {
  return sameValue(value, old) ? [] : [invalidValue(field, value, immutableMessage)];
}

/** One Invalid error per message. */
export function invalidEach(field: string, value: unknown, messages: readonly string[]): Cause[] {
  return messages.length ? messages.map((message) => invalidValue(field, value, message)) : none;
}

/** spec.containers[0] of spec.containers and 0. */
export const at = (path: string, index: number) => `${path}[${index}]`;

export const none: Cause[] = [];
// Shared by all that find nothing wrong: who adds to it is found out.
Object.freeze(none);

/**
 * Equality in the sense of apimachinery's equality.Semantic: an absent value equals an empty list or map. Quantities are
 * canonical texts here, so texts compare well enough.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === undefined || a === null) return isEmpty(b);
  if (b === undefined || b === null) return isEmpty(a);
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i]));
  if (Array.isArray(b)) return false;
  return sameFields(a as Record<string, unknown>, b as Record<string, unknown>);
}

function sameFields(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  for (const key in a) if (!sameValue(a[key], b[key])) return false;
  for (const key in b) if (!(key in a) && !sameValue(undefined, b[key])) return false;
  return true;
}

/** Lists and maps without content; an empty struct behind a pointer cannot be told from an empty map here. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== 'object') return false;
  for (const _ in value) return false;
  return true;
}

function cause(reason: string, field: string, text: string, detail: string): Cause {
  return { reason, message: detail ? `${text}: ${detail}` : text, field };
}

function show(value: unknown): string {
  if (typeof value === 'string') return goQuote(value);
  return value === undefined ? 'null' : JSON.stringify(value);
}
