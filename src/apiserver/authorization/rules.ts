import type { PolicyRule } from '../../api/generated/rbac-v1.ts';
import type { RequestInfo } from '../request.ts';

/** Whether one rule allows the request (pkg/apis/rbac/v1/evaluation_helpers.go). */
export function ruleAllows(rule: PolicyRule, request: RequestInfo): boolean {
  if (!rule.verbs.includes('*') && !rule.verbs.includes(request.verb)) return false;
  if (!request.isResourceRequest) return (rule.nonResourceURLs ?? []).some((url) => urlCovers(url, request.path));
  const { apiGroups = [], resources = [], resourceNames = [] } = rule;
  if (!apiGroups.includes('*') && !apiGroups.includes(request.group)) return false;
  if (!resourceMatches(resources, request.resource, request.subresource)) return false;
  return resourceNames.length === 0 || resourceNames.includes(request.name);
}

function resourceMatches(resources: string[], resource: string, subresource: string): boolean {
  if (resources.includes('*')) return true;
  if (!subresource) return resources.includes(resource);
  return resources.includes(`${resource}/${subresource}`) || resources.includes(`*/${subresource}`);
}

/** Only a star at the end is a wildcard. */
function urlCovers(pattern: string, path: string): boolean {
  if (pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, ''));
}

/**
 * What `wanted` allows and `held` does not, split into rules of one verb and one resource each
 * (k8s.io/component-helpers/auth/rbac/validation Covers).
 */
export function missingRules(held: PolicyRule[], wanted: PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(splitRule).filter((rule) => !held.some((owner) => ruleCovers(owner, rule)));
}

function splitRule(rule: PolicyRule): PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const parts: PolicyRule[] = [];
  for (const group of apiGroups) {
    for (const resource of resources) {
      for (const verb of verbs) {
        const one = { apiGroups: [group], resources: [resource], verbs: [verb] };
        if (resourceNames.length === 0) parts.push(one);
        else parts.push(...resourceNames.map((name) => ({ ...one, resourceNames: [name] })));
      }
    }
  }
  for (const url of nonResourceURLs) {
    parts.push(...verbs.map((verb) => ({ nonResourceURLs: [url], verbs: [verb] })));
  }
  return parts;
}

/** Whether `owner` allows all that `part`, made by splitRule, does. */
function ruleCovers(owner: PolicyRule, part: PolicyRule): boolean {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = owner;
  if (!owner.verbs.includes('*') && !part.verbs.every((verb) => owner.verbs.includes(verb))) return false;
  if (part.nonResourceURLs) {
    return part.nonResourceURLs.every((url) => nonResourceURLs.some((pattern) => urlCovers(pattern, url)));
  }
  if (!apiGroups.includes('*') && !part.apiGroups!.every((group) => apiGroups.includes(group))) return false;
  const covered = part.resources!.every((path) => {
    const [resource = '', subresource = ''] = path.split('/', 2);
    return resourceMatches(resources, resource, subresource);
  });
  if (!covered) return false;
  if (resourceNames.length === 0) return true;
  return part.resourceNames?.every((name) => resourceNames.includes(name)) ?? false;
}

/** Joins rules that differ in their verbs only (pkg/registry/rbac/validation/policy_compact.go). */
export function compactRules(rules: PolicyRule[]): PolicyRule[] {
  const simple = new Map<string, PolicyRule>();
  const others: PolicyRule[] = [];
  for (const rule of rules) {
    if (rule.nonResourceURLs) {
      others.push(rule);
      continue;
    }
    const key = JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames]);
    const known = simple.get(key);
    if (known) known.verbs.push(...rule.verbs);
    else simple.set(key, { ...rule, verbs: [...rule.verbs] });
  }
  return [...others, ...simple.values()];
}

/** '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}', as escalation messages show rules. */
export function describeRule(rule: PolicyRule): string {
  const parts: [string, string[] | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  const shown = parts.filter(([, values]) => values?.length).map(([name, values]) => `${name}:${quotedList(values!)}`);
  return `{${shown.join(', ')}}`;
}

/** Go's %q of a list of strings. */
export function quotedList(values: string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
}
