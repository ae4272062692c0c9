import type { ResourceRequirements } from '../generated/core-v1.ts';
import { dns1123Label, qualifiedName } from '../names.ts';
import { compareQuantities, parseQuantity } from '../quantity.ts';
import type { Cause } from '../status-error.ts';
import { at, duplicate, forbiddenField, invalidEach, invalidValue, notFoundValue, required } from './field-error.ts';

type Amounts = Record<string, string>;

/** Requests and limits of a container (pkg/apis/core/validation ValidateResourceRequirements). */
export function validateResources(
  resources: ResourceRequirements | undefined,
  path: string,
  claimNames: ReadonlySet<string> = new Set(),
): Cause[] {
  const errors: Cause[] = [];
  if (!resources) return errors;
  const { limits = {}, requests = {} } = resources;
  for (const name in limits) errors.push(...validateAmount(name, limits[name] as string, `${path}.limits[${name}]`));
  for (const name in requests) {
    const amount = requests[name] as string;
    errors.push(...validateAmount(name, amount, `${path}.requests[${name}]`));
    errors.push(...compareWithLimit(name, amount, limits, path));
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some((name) => name.startsWith(hugePages)) && !names.some((name) => name === 'cpu' || name === 'memory'))
    errors.push(forbiddenField(path, 'HugePages require cpu or memory'));
  errors.push(...validateClaims(resources.claims ?? [], claimNames, `${path}.claims`));
  return errors;
}

/** An amount that may not be negative, and must be whole for what comes in pieces. */
export function validateQuantity(name: string, amount: string, path: string): Cause[] {
  const { nanos } = parseQuantity(amount);
  if (nanos < 0n) return [invalidValue(path, amount, 'must be greater than or equal to 0')];
  if (isIntegerResource(name) && nanos % 1_000_000_000n !== 0n)
    return [invalidValue(path, amount, 'must be an integer')];
  return [];
}

/** Names of resources that containers may ask for. */
export function validateContainerResourceName(name: string, path: string): Cause[] {
  const errors = invalidEach(path, name, qualifiedName(name));
  if (errors.length || name.includes('/')) {
    if (!errors.length && !isNative(name) && qualifiedName(`requests.${name}`).length)
      return [invalidValue(path, name, "doesn't follow extended resource name standard")];
    return errors;
  }
  if (containerResources.has(name) || name.startsWith(hugePages)) return [];
  return [
    invalidValue(path, name, 'must be a standard resource type or fully qualified'),
    invalidValue(path, name, 'must be a standard resource for containers'),
  ];
}

export const hugePages = 'hugepages-';
const containerResources = new Set(['cpu', 'memory', 'ephemeral-storage', 'pods']);

const isNative = (name: string) => !name.includes('/') || /(^|\.)kubernetes\.io\//.test(name);

/** Native resources may be promised twice, extended resources and huge pages not (pkg/apis/core/helper). */
export const allowsOvercommit = (name: string) => isNative(name) && !name.startsWith(hugePages);

const isIntegerResource = (name: string) =>
  integerResources.has(name) || (!isNative(name) && !name.startsWith('requests.'));
const integerResources = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);

function validateAmount(name: string, amount: string, path: string): Cause[] {
  return [...validateContainerResourceName(name, path), ...validateQuantity(name, amount, path)];
}

function compareWithLimit(name: string, amount: string, limits: Amounts, path: string): Cause[] {
  const limit = limits[name];
  if (limit === undefined)
    return allowsOvercommit(name)
      ? []
      : [required(`${path}.limits`, 'Limit must be set for non overcommitable resources')];
  const order = compareQuantities(amount, limit);
  if (order !== 0 && !allowsOvercommit(name))
    return [invalidValue(`${path}.requests`, amount, `must be equal to ${name} limit of ${limit}`)];
  if (order > 0)
    return [invalidValue(`${path}.requests`, amount, `must be less than or equal to ${name} limit of ${limit}`)];
  return [];
}

function validateClaims(
  claims: NonNullable<ResourceRequirements['claims']>,
  known: ReadonlySet<string>,
  path: string,
): Cause[] {
  const errors: Cause[] = [];
  const seen = new Set<string>();
  for (const [i, { name, request }] of claims.entries()) {
    const claimPath = at(path, i);
    if (!name) errors.push(required(`${claimPath}.name`));
    else if (seen.has(`${name}/${request ?? ''}`)) errors.push(duplicate(claimPath, name));
    else if (!known.has(name)) errors.push(notFoundValue(claimPath, name));
    if (request) errors.push(...invalidEach(`${claimPath}.request`, request, dns1123Label(request)));
    seen.add(`${name}/${request ?? ''}`);
  }
  return errors;
}
