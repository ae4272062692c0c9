import type { Cause } from '../status-error.ts';
import { required } from '../validation/field-error.ts';
import { validateMetadata } from '../validation/metadata.ts';
import { childPath, fieldSchema, isMap, type JsonSchema } from './json-schema.ts';

/** Resources within a resource say what they are (apiextensions-apiserver pkg/apiserver/schema/objectmeta). */
export function embeddedErrors(schema: JsonSchema | undefined, value: unknown, path = ''): Cause[] {
  if (!schema) return [];
  if (Array.isArray(value)) return value.flatMap((item, i) => embeddedErrors(schema.items, item, `${path}[${i}]`));
  if (!isMap(value)) return [];
  const errors = Object.keys(value).flatMap((key) =>
    embeddedErrors(fieldSchema(schema, key), value[key], childPath(path, key)),
  );
  if (!schema['x-kubernetes-embedded-resource']) return errors;
  for (const field of ['apiVersion', 'kind'])
    if (!value[field]) errors.push(required(`${path}.${field}`, 'must not be empty'));
  if (!isMap(value.metadata)) return errors;
  const metadata = validateMetadata(value.metadata, Boolean(value.metadata.namespace));
  return [
    ...errors,
    // A template need not have a name.
    ...metadata
      .filter(({ reason }) => reason !== 'FieldValueRequired')
      .map((one) => ({ ...one, field: `${path}.${one.field}` })),
  ];
}
