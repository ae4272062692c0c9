import { Buffer } from 'node:buffer';
import type { ConfigMap } from '../generated/core-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import { forbiddenField, invalidValue, sameValue, tooLong } from '../validation/field-error.ts';
import { validateDataKeys } from '../validation/volumes.ts';

/** Most bytes that the data of a ConfigMap or Secret may have (core.MaxSecretSize). */
export const maxDataBytes = 1024 * 1024;

/** pkg/apis/core and pkg/registry/core/configmap. */
export const configMap: Kind<ConfigMap> = {
  type: 'core/v1.ConfigMap',
  validate: dataErrors,
  validateUpdate: (map, old) => [...immutableDataErrors(map, old, ['data', 'binaryData']), ...dataErrors(map)],
};

/** What an object may no longer change once it was declared immutable (KEP-1412). */
export function immutableDataErrors<T extends { immutable?: boolean }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): Cause[] {
  if (!old.immutable) return [];
  const why = 'field is immutable when `immutable` is set';
  const errors = object.immutable ? [] : [forbiddenField('immutable', why)];
  for (const field of fields) if (!sameValue(object[field], old[field])) errors.push(forbiddenField(field, why));
  return errors;
}

/** Bytes that a base64 text stands for; null, as Go decodes it into a map, for none. */
export function base64Bytes(text: string | null): number {
  return text === null ? 0 : Buffer.byteLength(text, 'base64');
}

function dataErrors({ data, binaryData }: ConfigMap): Cause[] {
  const errors = validateDataKeys(data, 'data');
  let bytes = 0;
  for (const key in data) {
    if (binaryData?.[key] !== undefined)
      errors.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    bytes += Buffer.byteLength(data[key] as string);
  }
  errors.push(...validateDataKeys(binaryData, 'binaryData'));
  for (const key in binaryData) bytes += base64Bytes(binaryData[key] ?? null);
  if (bytes > maxDataBytes) errors.push(tooLong('', maxDataBytes));
  return errors;
}
