import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '../generated/core-v1.ts';
import { configMapKey, dns1123Subdomain, environmentName, maskTrailingDash, qualifiedName } from '../names.ts';
import { canonicalQuantity } from '../quantity.ts';
import type { Cause } from '../status-error.ts';
import { at, invalidEach, invalidValue, notSupported, required } from './field-error.ts';
import { validateDescendingPath } from './paths.ts';

/** Environment variables of a container (pkg/apis/core/validation ValidateEnv). */
export function validateEnv(vars: readonly EnvVar[], path: string): Cause[] {
  const errors: Cause[] = [];
  for (const [i, variable] of vars.entries()) {
    const varPath = at(path, i);
    if (!variable.name) errors.push(required(`${varPath}.name`));
    else errors.push(...invalidEach(`${varPath}.name`, variable.name, environmentName(variable.name)));
    if (variable.valueFrom) errors.push(...validateValueFrom(variable, variable.valueFrom, `${varPath}.valueFrom`));
  }
  return errors;
}

export function validateEnvFrom(sources: readonly EnvFromSource[], path: string): Cause[] {
  const errors: Cause[] = [];
  for (const [i, { prefix, configMapRef, secretRef }] of sources.entries()) {
    const sourcePath = at(path, i);
    if (prefix) errors.push(...invalidEach(`${sourcePath}.prefix`, prefix, environmentName(prefix)));
    if (configMapRef) errors.push(...validateReferenceName(configMapRef.name, `${sourcePath}.configMapRef.name`));
    if (secretRef) errors.push(...validateReferenceName(secretRef.name, `${sourcePath}.secretRef.name`));
    if (!configMapRef && !secretRef)
      errors.push(invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    else if (configMapRef && secretRef)
      errors.push(invalidValue(path, '', 'may not have more than one field specified at a time'));
  }
  return errors;
}

/** A field of the Pod that its containers may see. */
export function validateFieldRef(ref: ObjectFieldSelector, allowed: readonly string[], path: string): Cause[] {
  const { fieldPath } = ref;
  if (!ref.apiVersion) return [required(`${path}.apiVersion`)];
  if (!fieldPath) return [required(`${path}.fieldPath`)];
  const subscript = /^(.*)\['(.*)'\]$/.exec(fieldPath);
  const base = subscript?.[1] ?? fieldPath;
  if (ref.apiVersion !== 'v1') return [conversionError(fieldPath, `unsupported pod version: ${ref.apiVersion}`, path)];
  if (!convertible.has(base) || (subscript && !subscriptable.has(base)))
    return [conversionError(fieldPath, `field label not supported: ${fieldPath}`, path)];
  if (!subscript) return allowed.includes(base) ? [] : [notSupported(`${path}.fieldPath`, base, [...allowed].sort())];
  const key = subscript[2] ?? '';
  return invalidEach(path, key, qualifiedName(base === 'metadata.annotations' ? key.toLowerCase() : key));
}

/** A request or limit of a container that containers may see. */
export function validateResourceFieldRef(ref: ResourceFieldSelector, needsContainer: boolean, path: string): Cause[] {
  const errors: Cause[] = [];
  if (needsContainer && !ref.containerName) errors.push(required(`${path}.containerName`));
  else if (!ref.resource) errors.push(required(`${path}.resource`));
  else if (!containerResourcePaths.includes(ref.resource) && !/^(limits|requests)\.hugepages-/.test(ref.resource))
    errors.push(notSupported(`${path}.resource`, ref.resource, containerResourcePaths));
  errors.push(...validateDivisor(ref, path));
  return errors;
}

const subscriptable = new Set(['metadata.annotations', 'metadata.labels']);
/** pkg/apis/core/pods ConvertDownwardAPIFieldLabel */
const convertible = new Set([
  ...subscriptable,
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.serviceAccountName',
  'spec.schedulerName',
  'status.phase',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]);
const envFieldPaths = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
const containerResourcePaths = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

function validateValueFrom(variable: EnvVar, source: EnvVarSource, path: string): Cause[] {
  const errors: Cause[] = [];
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  const given = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(Boolean).length;
  if (fieldRef) errors.push(...validateFieldRef(fieldRef, envFieldPaths, `${path}.fieldRef`));
  if (resourceFieldRef) errors.push(...validateResourceFieldRef(resourceFieldRef, false, `${path}.resourceFieldRef`));
  if (configMapKeyRef) errors.push(...validateKeyRef(configMapKeyRef, `${path}.configMapKeyRef`));
  if (secretKeyRef) errors.push(...validateKeyRef(secretKeyRef, `${path}.secretKeyRef`));
  if (fileKeyRef) {
    if (!fileKeyRef.volumeName) errors.push(required(`${path}.fileKeyRef.volumeName`));
    if (!fileKeyRef.path) errors.push(required(`${path}.fileKeyRef.path`));
    else errors.push(...validateDescendingPath(fileKeyRef.path, `${path}.fileKeyRef.path`));
    if (!fileKeyRef.key) errors.push(required(`${path}.fileKeyRef.key`));
  }
  if (given === 0)
    errors.push(
      invalidValue(
        path,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
      ),
    );
  else if (variable.value) errors.push(invalidValue(path, '', 'may not be specified when `value` is not empty'));
  else if (given > 1) errors.push(invalidValue(path, '', 'may not have more than one field specified at a time'));
  return errors;
}

function validateKeyRef(ref: { name?: string; key: string }, path: string): Cause[] {
  const name = ref.name ?? '';
  const errors = invalidEach(`${path}.name`, name, dns1123Subdomain(name));
  if (!ref.key) return [...errors, required(`${path}.key`)];
  return [...errors, ...invalidEach(`${path}.key`, ref.key, configMapKey(ref.key))];
}

function validateReferenceName(name: string | undefined, path: string): Cause[] {
  return name ? invalidEach(path, name, dns1123Subdomain(maskTrailingDash(name))) : [required(path)];
}

function conversionError(fieldPath: string, why: string, path: string): Cause {
  return invalidValue(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`);
}

function validateDivisor({ resource, divisor }: ResourceFieldSelector, path: string): Cause[] {
  if (divisor === undefined || divisor === '0') return [];
  const canonical = canonicalQuantity(divisor);
  const wrong = (values: string, what: string) => [
    invalidValue(
      `${path}.divisor`,
      resource,
      `only divisor's values ${values} are supported with the ${what} resource`,
    ),
  ];
  if (/\.cpu$/.test(resource)) return canonical === '1m' || canonical === '1' ? [] : wrong('1m and 1', 'cpu');
  const what = /\.memory$/.test(resource)
    ? 'memory'
    : /\.ephemeral-storage$/.test(resource)
      ? 'local ephemeral storage'
      : /\.hugepages-/.test(resource)
        ? 'hugepages'
        : '';
  return what === '' || byteDivisors.includes(canonical) ? [] : wrong(byteDivisors.join(', '), what);
}
