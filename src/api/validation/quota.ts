import type { ScopeSelector } from '../generated/core-v1.ts';
import { qualifiedName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { invalidEach, invalidValue, required } from './field-error.ts';

// What a quota may count, and of what (pkg/apis/core/validation and pkg/apis/core/helper).

const computeResources = new Set(['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']);
const quotaResources = new Set([
  ...computeResources,
  'ephemeral-storage',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
]);

const isQuotaResource = (name: string) => quotaResources.has(name) || /^(requests\.)?hugepages-/.test(name);

export function quotaNameErrors(name: string, path: string): Cause[] {
  const errors = invalidEach(path, name, qualifiedName(name));
  if (errors.length > 0 || name.includes('/') || isQuotaResource(name)) return errors;
  return [
    // The one standard name that no quota counts.
    ...(name === 'storage' ? [] : [invalidValue(path, name, 'must be a standard resource type or fully qualified')]),
    invalidValue(path, name, 'must be a standard resource for quota'),
  ];
}

const ofPods = (name: string) => name === 'pods' || computeResources.has(name);

/** The scopes, each with what it can be applied to. */
const scopes = new Map<string, (resource: string) => boolean>(
  Object.entries({
    Terminating: ofPods,
    NotTerminating: ofPods,
    BestEffort: (name) => name === 'pods',
    NotBestEffort: ofPods,
    PriorityClass: ofPods,
    CrossNamespacePodAffinity: ofPods,
    VolumeAttributesClass: (name) => name === 'persistentvolumeclaims' || name === 'requests.storage',
  }),
);

const opposites = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;

const conflicts = (names: readonly string[]) =>
  opposites.filter(([one, other]) => names.includes(one) && names.includes(other)).length;

/** Once for each of the resources that a scope cannot be applied to. */
const misapplied = (scope: string, resources: readonly string[]) =>
  resources.filter((name) => isQuotaResource(name) && scopes.get(scope)?.(name) === false).length;

export function scopeErrors(given: readonly string[], resources: readonly string[]): Cause[] {
  const error = (detail: string) => invalidValue('spec.scopes', given, detail);
  return [
    ...given.flatMap((scope) => [
      ...(scopes.has(scope) ? [] : [error('unsupported scope')]),
      ...Array(misapplied(scope, resources)).fill(error('unsupported scope applied to resource')),
    ]),
    ...Array(conflicts(given)).fill(error('conflicting scopes')),
  ];
}

export function scopeSelectorErrors(selector: ScopeSelector | undefined, resources: readonly string[]): Cause[] {
  const path = 'spec.scopeSelector.matchExpressions';
  const expressions = selector?.matchExpressions ?? [];
  return [
    ...expressions.flatMap(({ scopeName, operator, values = [] }) => [
      ...(scopes.has(scopeName) ? [] : [invalidValue(`${path}.scopeName`, scopeName, 'unsupported scope')]),
      ...Array(misapplied(scopeName, resources)).fill(
        invalidValue(path, selector, 'unsupported scope applied to resource'),
      ),
      ...operatorErrors(scopeName, operator, values, path),
    ]),
    ...Array(conflicts(expressions.map(({ scopeName }) => scopeName))).fill(
      invalidValue(path, selector, 'conflicting scopes'),
    ),
  ];
}

/** Scopes that a Pod has or has not. */
const valueless = new Set([
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
]);

function operatorErrors(scope: string, operator: string, values: readonly string[], path: string): Cause[] {
  const errors: Cause[] = [];
  if (valueless.has(scope) && operator !== 'Exists') {
    const which =
      'ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity';
    errors.push(invalidValue(`${path}.operator`, operator, `must be 'Exist' when scope is any of ${which}`));
  }
  if (operator === 'In' || operator === 'NotIn') {
    const detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
    if (values.length === 0) errors.push(required(`${path}.values`, detail));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    const detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
    if (values.length > 0) errors.push(invalidValue(`${path}.values`, values, detail));
  } else errors.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'));
  return errors;
}
