import type { RuleWithOperations } from '../generated/admissionregistration-v1.ts';
import type { Cause } from '../status-error.ts';
import { invalidValue, notSupported, required } from './field-error.ts';

const operationNames = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const scopes = ['*', 'Cluster', 'Namespaced'];

/** What a webhook wants to see (pkg/apis/admissionregistration/validation validateRuleWithOperations). */
export function webhookRuleErrors(rule: RuleWithOperations, path: string): Cause[] {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  return [
    ...listErrors(operations, `${path}.operations`, 'operations'),
    ...operations.flatMap((name, i) =>
      operationNames.includes(name) ? [] : [notSupported(`${path}.operations[${i}]`, name, operationNames)],
    ),
    ...listErrors(apiGroups, `${path}.apiGroups`, 'API groups'),
    ...listErrors(apiVersions, `${path}.apiVersions`, 'API versions'),
    ...apiVersions.flatMap((version, i) => (version ? [] : [required(`${path}.apiVersions[${i}]`)])),
    ...resourceErrors(resources, `${path}.resources`),
    ...(scope === undefined || scopes.includes(scope) ? [] : [notSupported(`${path}.scope`, scope, scopes)]),
  ];
}

function listErrors(list: readonly string[], path: string, what: string): Cause[] {
  if (list.length === 0) return [required(path)];
  if (list.length === 1 || !list.includes('*')) return [];
  return [invalidValue(path, list, `if '*' is present, must not specify other ${what}`)];
}

function resourceErrors(resources: readonly string[], path: string): Cause[] {
  if (resources.length === 0) return [required(path)];
  const errors: Cause[] = [];
  // What '*/SUB' and 'RESOURCE/*' say for all others.
  const [allOfResource, subOfAll] = [new Set<string>(), new Set<string>()];
  for (const [i, name] of resources.entries()) {
    const own = `${path}[${i}]`;
    if (!name) errors.push(required(own));
    const [, resource, sub] = /^([^/]*)\/(.*)$/.exec(name) ?? [];
    if (resource === undefined || sub === undefined) continue;
    const covers = (pattern: string) => invalidValue(own, name, `if '${pattern}' is present, must not specify ${name}`);
    if (allOfResource.has(resource)) errors.push(covers(`${resource}/*`));
    if (subOfAll.has(sub)) errors.push(covers(`*/${sub}`));
    if (sub === '*') allOfResource.add(resource);
    if (resource === '*') subOfAll.add(sub);
  }
  if (resources.length > 1 && resources.includes('*/*'))
    errors.push(invalidValue(path, resources, "if '*/*' is present, must not specify other resources"));
  if (resources.includes('*') && resources.some((name) => name && name !== '*' && !name.includes('/')))
    errors.push(
      invalidValue(path, resources, "if '*' is present, must not specify other resources without subresources"),
    );
  return errors;
}
