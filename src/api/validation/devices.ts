import type { DeviceTaint, DeviceToleration, OpaqueDeviceConfiguration } from '../generated/resource-v1.ts';
import { dns1123Label, dns1123Subdomain, validLabelValue } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { driverNameErrors } from './driver-name.ts';
import { at, duplicate, invalidEach, invalidValue, notSupported, required, tooLong, tooMany } from './field-error.ts';
import { validateLabelName } from './metadata.ts';

/** What the kinds of resource.k8s.io have in common (pkg/apis/resource/validation, pkg/apis/resource/types.go). */

type Errors<T> = (item: T, path: string) => Cause[];

/** No more than `most` items, each of them valid. */
export function sliceErrors<T>(items: readonly T[] = [], most: number, errorsOf: Errors<T>, path: string): Cause[] {
  if (items.length > most) return [tooMany(path, items.length, most)];
  return items.flatMap((item, i) => errorsOf(item, at(path, i)));
}

/** The same, and no two with the same key. */
export function setErrors<T>(
  items: readonly T[] = [],
  most: number,
  errorsOf: Errors<T>,
  keyOf: (item: T) => string,
  path: string,
): Cause[] {
  const errors = sliceErrors(items, most, errorsOf, path);
  if (items.length > most) return errors;
  const seen = new Set<string>();
  for (const [i, item] of items.entries()) {
    const key = keyOf(item);
    if (seen.has(key)) errors.push(duplicate(at(path, i), key));
    seen.add(key);
  }
  return errors;
}

export const same = (text: string) => text;

export function labelErrors(name: string | undefined, path: string): Cause[] {
  return invalidEach(path, name ?? '', dns1123Label(name ?? ''));
}

export function poolNameErrors(name: string | undefined, path: string): Cause[] {
  if (!name) return [required(path)];
  const errors = name.length > 253 ? [tooLong(path, 253)] : [];
  return [...errors, ...name.split('/').flatMap((part) => invalidEach(path, part, dns1123Subdomain(part)))];
}

export function deviceClassNameErrors(name: string | undefined, path: string): Cause[] {
  return name ? invalidEach(path, name, dns1123Subdomain(name)) : [required(path)];
}

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;
const identifierMessage =
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')";

function identifierErrors(id: string, path: string): Cause[] {
  return [
    ...(id.length > 32 ? [tooLong(path, 32)] : []),
    ...(identifier.test(id) ? [] : [invalidValue(path, id, identifierMessage)]),
  ];
}

/** The name of an attribute or a capacity: of the driver's own, or with a domain before it. */
export function qualifiedNameErrors(name: string, path: string): Cause[] {
  const [domain = '', id, more] = name.split('/');
  if (more !== undefined) return [invalidValue(path, name, 'must not contain more than one slash')];
  if (id === undefined) return identifierErrors(domain, path);
  return [
    ...(domain === '' ? [invalidValue(path, '', 'the domain must not be empty')] : driverNameErrors(domain, path)),
    ...(id === '' ? [invalidValue(path, '', 'the name must not be empty')] : identifierErrors(id, path)),
  ];
}

export function fullyQualifiedNameErrors(name: string, path: string): Cause[] {
  const errors = [...qualifiedNameErrors(name, path)];
  if (name.includes('/')) return errors;
  const detail = 'a fully qualified name must be a domain and a name separated by a slash';
  return [...errors, invalidValue(path, name, detail)];
}

/** Parameters that only the driver understands. */
export function configurationErrors({ opaque }: { opaque?: OpaqueDeviceConfiguration }, path: string): Cause[] {
  if (!opaque) return [required(`${path}.opaque`)];
  return [
    ...driverNameErrors(opaque.driver, `${path}.opaque.driver`),
    ...rawErrors(opaque.parameters, `${path}.opaque.parameters`),
  ];
}

/** A JSON object of any kind, within 10 KiB. */
export function rawErrors(value: unknown, path: string): Cause[] {
  if (value === undefined || value === null) return [required(path)];
  if (Buffer.byteLength(JSON.stringify(value)) > 10 * 1024) return [tooLong(path, 10 * 1024)];
  if (typeof value === 'object' && !Array.isArray(value)) return [];
  return [invalidValue(path, '<value omitted>', 'must be a valid JSON object')];
}

const effects = ['NoExecute', 'NoSchedule', 'None'];
const operators = ['Equal', 'Exists'];

export function taintErrors({ key, value, effect }: Partial<DeviceTaint>, path: string): Cause[] {
  const errors = [...validateLabelName(key ?? '', `${path}.key`)];
  if (value) errors.push(...invalidEach(`${path}.value`, value, validLabelValue(value)));
  if (!effect) errors.push(required(`${path}.effect`));
  else if (!effects.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, effects));
  return errors;
}

export function tolerationErrors({ key, operator, value = '', effect }: DeviceToleration, path: string): Cause[] {
  const errors = key ? [...validateLabelName(key, `${path}.key`)] : [];
  if (operator === 'Exists') {
    if (value) errors.push(invalidValue(`${path}.value`, value, 'must be empty for operator `Exists`'));
  } else if (operator === 'Equal') errors.push(...invalidEach(`${path}.value`, value, validLabelValue(value)));
  else if (!operator) errors.push(required(`${path}.operator`));
  else errors.push(notSupported(`${path}.operator`, operator, operators));
  if (effect && !effects.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, effects));
  return errors;
}

interface BindingConditions {
  bindingConditions?: string[];
  bindingFailureConditions?: string[];
}

/** At most four each, none twice, either both or none. */
export function bindingErrors(
  { bindingConditions: ready = [], bindingFailureConditions: failed = [] }: BindingConditions,
  path: string,
): Cause[] {
  const [readyPath, failedPath] = [`${path}.bindingConditions`, `${path}.bindingFailureConditions`];
  const errors = [
    ...setErrors(ready, 4, validateLabelName, same, readyPath),
    ...setErrors(failed, 4, validateLabelName, same, failedPath),
  ];
  for (const [i, condition] of failed.entries())
    if (ready.includes(condition)) {
      const detail = 'bindingFailureConditions must not overlap with bindingConditions';
      errors.push(invalidValue(at(failedPath, i), condition, detail));
    }
  if (ready.length === 0 && failed.length > 0)
    errors.push(invalidValue(readyPath, ready, 'bindingConditions are required to use bindingFailureConditions'));
  if (failed.length === 0 && ready.length > 0)
    errors.push(invalidValue(failedPath, failed, 'bindingFailureConditions are required to use bindingConditions'));
  return errors;
}
