import { isMap, type JsonMap } from '../../api/structural/json-schema.ts';
import type { RequestInfo, UserInfo } from '../request.ts';

/** How much is told of a request, from nothing to all (audit.k8s.io/v1). */
export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof levels)[number];

const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof stages)[number];

export interface GroupResources {
  group?: string;
  resources?: string[];
  resourceNames?: string[];
}

export interface Rule {
  level: Level;
  users?: string[];
  userGroups?: string[];
  verbs?: string[];
  resources?: GroupResources[];
  namespaces?: string[];
  nonResourceURLs?: string[];
  omitStages?: Stage[];
  omitManagedFields?: boolean;
}

export interface Policy {
  rules: Rule[];
  omitStages?: Stage[];
  omitManagedFields?: boolean;
}

/** What is to be told of one request. */
export interface AuditDecision {
  level: Level;
  omitStages: readonly Stage[];
  omitManagedFields: boolean;
}

const nothing: AuditDecision = { level: 'None', omitStages: stages, omitManagedFields: false };

export const includes = (level: Level, wanted: Level) => levels.indexOf(level) >= levels.indexOf(wanted);

/** The first rule that fits decides; without one nothing is told (apiserver pkg/audit/policy/checker.go). */
export function decideAudit(policy: Policy, user: UserInfo, info: RequestInfo): AuditDecision {
  const rule = policy.rules.find((one) => ruleFits(one, user, info));
  if (!rule) return nothing;
  return {
    level: rule.level,
    omitStages: [...(policy.omitStages ?? []), ...(rule.omitStages ?? [])],
    omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

function ruleFits(rule: Rule, user: UserInfo, info: RequestInfo): boolean {
  const { users = [], userGroups = [], verbs = [], namespaces = [], resources = [], nonResourceURLs = [] } = rule;
  if (users.length > 0 && !users.includes(user.name)) return false;
  if (userGroups.length > 0 && !userGroups.some((group) => user.groups.includes(group))) return false;
  if (verbs.length > 0 && !verbs.includes(info.verb)) return false;
  if (namespaces.length > 0 || resources.length > 0) return resourceFits(namespaces, resources, info);
  if (nonResourceURLs.length > 0)
    return !info.isResourceRequest && nonResourceURLs.some((url) => pathFits(url, info.path));
  return true;
}

function resourceFits(namespaces: string[], resources: GroupResources[], info: RequestInfo): boolean {
  if (!info.isResourceRequest) return false;
  if (namespaces.length > 0 && !namespaces.includes(info.namespace)) return false;
  if (resources.length === 0) return true;
  const combined = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
  return resources.some(({ group = '', resources: names = [], resourceNames = [] }) => {
    if (group !== info.group) return false;
    if (names.length === 0) return true;
    if (resourceNames.length > 0 && !resourceNames.includes(info.name)) return false;
    return names.some(
      (name) =>
        name === '*' ||
        name === combined ||
        (info.subresource !== '' && name === `*/${info.subresource}`) ||
        name === `${info.resource}/*`,
    );
  });
}

const pathFits = (pattern: string, path: string) =>
  pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)));

/** The policy that a file holds; throws an Error that says what is wrong (apiserver pkg/apis/audit/validation). */
export function parsePolicy(value: unknown): Policy {
  if (!isMap(value)) throw new Error('not an object');
  if (value.kind !== 'Policy') throw new Error(`kind: Invalid value: ${JSON.stringify(value.kind)}: must be "Policy"`);
  if (value.apiVersion !== 'audit.k8s.io/v1')
    throw new Error(`apiVersion: Invalid value: ${JSON.stringify(value.apiVersion)}: must be "audit.k8s.io/v1"`);
  if (!Array.isArray(value.rules) || value.rules.length === 0) throw new Error('loaded illegal policy with 0 rules');
  const policy = value as unknown as Policy;
  checkStages(policy.omitStages, 'omitStages');
  for (const [i, rule] of policy.rules.entries()) checkRule(rule, `rules[${i}]`);
  return policy;
}

const lists = ['users', 'userGroups', 'verbs', 'namespaces', 'nonResourceURLs', 'omitStages', 'resources'] as const;

function checkRule(rule: Rule, path: string): void {
  if (!isMap(rule)) throw new Error(`${path}: not an object`);
  if (!levels.includes(rule.level))
    throw new Error(
      `${path}.level: Unsupported value: ${JSON.stringify(rule.level ?? '')}: supported values: ${levels.map((one) => JSON.stringify(one)).join(', ')}`,
    );
  for (const name of lists)
    if (rule[name] !== undefined && !Array.isArray((rule as unknown as JsonMap)[name]))
      throw new Error(`${path}.${name}: must be a list`);
  checkStages(rule.omitStages, `${path}.omitStages`);
  if (rule.nonResourceURLs?.length && (rule.resources?.length || rule.namespaces?.length))
    throw new Error(
      `${path}.nonResourceURLs: Invalid value: rules cannot apply to both regular resources and non-resource URLs`,
    );
  for (const [i, url] of (rule.nonResourceURLs ?? []).entries()) {
    if (url !== '*' && !url.startsWith('/'))
      throw new Error(
        `${path}.nonResourceURLs[${i}]: Invalid value: ${JSON.stringify(url)}: non-resource URL rules must begin with a '/' character`,
      );
    if (url.slice(0, -1).includes('*'))
      throw new Error(
        `${path}.nonResourceURLs[${i}]: Invalid value: ${JSON.stringify(url)}: non-resource URL wildcards '*' must be the final character of the rule`,
      );
  }
}

function checkStages(omitted: readonly Stage[] | undefined, path: string): void {
  for (const [i, stage] of (omitted ?? []).entries())
    if (!stages.includes(stage))
      throw new Error(`${path}[${i}]: Invalid value: ${JSON.stringify(stage)}: allowed stages are ${stages.join(',')}`);
}
