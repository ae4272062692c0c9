import { extraSchema, type JsonSchema } from '../structural/json-schema.ts';

/** How large values of a schema can be, as no request is larger than this (apiserver pkg/cel/common/schemas.go, limits.go). */
export const maxRequestBytes = 3 * 1024 * 1024;

const durationLength = 32;
const dateLength = 12;
const dateTimeLength = 32;

/** The most characters of a string, items of a list, entries of a map; 1 for all else. */
export function maxElements(schema: JsonSchema | undefined): number {
  if (!schema) return 2 ** 64;
  if (schema['x-kubernetes-int-or-string']) return maxRequestBytes - 2;
  switch (schema.type) {
    case 'string':
      return stringLength(schema);
    case 'array':
      return schema.maxItems ?? fitting(minBytes(schema.items as JsonSchema | undefined) + 1);
    case 'object': {
      const extra = extraSchema(schema);
      if (extra) return schema.maxProperties ?? fitting(minBytes(extra) + 6);
      return schema['x-kubernetes-preserve-unknown-fields'] && !schema.properties ? maxRequestBytes : 1;
    }
    default:
      return schema.type ? 1 : maxRequestBytes;
  }
}

/** Characters have up to four bytes. */
function stringLength(schema: JsonSchema): number {
  const { format, maxLength } = schema;
  if (format === 'byte') return maxLength ?? maxRequestBytes - 2;
  if (format === 'duration') return durationLength;
  if (format === 'date') return dateLength;
  if (format === 'date-time') return dateTimeLength;
  if (maxLength !== undefined) return maxLength * 4;
  if (schema.enum?.length) return Math.max(...schema.enum.map((one) => String(one).length));
  return maxRequestBytes - 2;
}

const fitting = (bytes: number) => Math.floor((maxRequestBytes - 2) / bytes);

/** The fewest bytes of JSON that a value takes. */
export function minBytes(schema: JsonSchema | undefined): number {
  if (!schema) return 1;
  if (schema['x-kubernetes-int-or-string']) return 1;
  switch (schema.type) {
    case 'boolean':
      return 4;
    case 'string':
    case 'array':
      return 2;
    case 'object': {
      const required = new Set(schema.required ?? []);
      let bytes = 2;
      for (const [name, one] of Object.entries(schema.properties ?? {}))
        if (required.has(name) && (one as JsonSchema).default === undefined)
          bytes += name.length + 3 + minBytes(one as JsonSchema) + (bytes > 2 ? 1 : 0);
      return bytes;
    }
    default:
      return 1;
  }
}

/** How often a value of this schema can be in a request, where nothing around it says how often. */
export const maxOccurrences = (schema: JsonSchema) => Math.floor(maxRequestBytes / (minBytes(schema) + 1));
