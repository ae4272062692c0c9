import { Buffer } from 'node:buffer';
import type { Secret } from '../generated/core-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import { immutable, invalidValue, required, tooLong } from '../validation/field-error.ts';
import { validateDataKeys } from '../validation/volumes.ts';
import { base64Bytes, immutableDataErrors, maxDataBytes } from './config-map.ts';

/** pkg/apis/core and pkg/registry/core/secret. */
export const secret: Kind<Secret> = {
  type: 'core/v1.Secret',
  defaults(secret) {
    secret.type ||= 'Opaque';
    takeStringData(secret);
  },
  validate: dataErrors,
  validateUpdate: (secret, old) => [
    ...immutable('type', secret.type, old.type),
    ...immutableDataErrors(secret, old, ['data']),
    ...dataErrors(secret),
  ],
  prepareForUpdate(secret, old) {
    secret.type ||= old.type;
  },
  selectableFields: { type: ({ type }) => type ?? '' },
};

/** stringData is for writing only (Convert_v1_Secret_To_core_Secret). */
function takeStringData(secret: Secret): void {
  if (!secret.stringData) return;
  const data = { ...secret.data };
  for (const [key, value] of Object.entries(secret.stringData)) data[key] = Buffer.from(value ?? '').toString('base64');
  secret.data = Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)));
  delete secret.stringData;
}

function dataErrors(secret: Secret): Cause[] {
  const { data = {}, metadata } = secret;
  const errors = validateDataKeys(data, 'data');
  let bytes = 0;
  for (const key in data) bytes += base64Bytes(data[key] ?? null);
  if (bytes > maxDataBytes) errors.push(tooLong('data', maxDataBytes));
  const needs = (...keys: string[]) => {
    for (const key of keys) if (data[key] === undefined) errors.push(required(`data[${key}]`));
  };
  switch (secret.type) {
    case 'kubernetes.io/service-account-token':
      if (!metadata.annotations?.['kubernetes.io/service-account.name'])
        errors.push(required('metadata.annotations[kubernetes.io/service-account.name]'));
      break;
    case 'kubernetes.io/dockercfg':
      errors.push(...jsonErrors(data, '.dockercfg'));
      break;
    case 'kubernetes.io/dockerconfigjson':
      errors.push(...jsonErrors(data, '.dockerconfigjson'));
      break;
    case 'kubernetes.io/basic-auth':
      if (data.username === undefined && data.password === undefined) needs('username', 'password');
      break;
    case 'kubernetes.io/ssh-auth':
      if (!data['ssh-privatekey']) errors.push(required('data[ssh-privatekey]'));
      break;
    case 'kubernetes.io/tls':
      needs('tls.crt', 'tls.key');
  }
  return errors;
}

function jsonErrors(data: Record<string, string>, key: string): Cause[] {
  const content = data[key];
  if (content === undefined) return [required(`data[${key}]`)];
  const problem = jsonProblem(Buffer.from(content, 'base64').toString());
  return problem ? [invalidValue(`data[${key}]`, '<secret contents redacted>', problem)] : [];
}

/** What Go says about a text that is no JSON object. */
function jsonProblem(text: string): string | undefined {
  if (text.trim() === '') return 'unexpected end of JSON input';
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || (typeof value === 'object' && !Array.isArray(value))) return undefined;
    return 'json: cannot unmarshal value into Go value of type map[string]interface {}';
  } catch {
    return 'invalid character in JSON input';
  }
}
