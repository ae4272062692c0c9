import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../../api/generated/flowcontrol-v1.ts';
import type { RequestInfo, UserInfo } from '../request.ts';

/** Whether a FlowSchema is for this request (apiserver pkg/util/flowcontrol/rule.go). */
export function matchesSchema({ spec }: FlowSchema, user: UserInfo, info: RequestInfo): boolean {
  return (spec.rules ?? []).some((rule) => matchesRule(rule, user, info));
}

function matchesRule(
  { subjects, resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects,
  user: UserInfo,
  info: RequestInfo,
): boolean {
  if (!subjects.some((subject) => matchesSubject(subject, user))) return false;
  return info.isResourceRequest
    ? resourceRules.some((rule) => matchesResource(rule, info))
    : nonResourceRules.some((rule) => matchesPath(rule, info));
}

function matchesSubject({ kind, user: named, group, serviceAccount }: Subject, user: UserInfo): boolean {
  if (kind === 'User') return named?.name === '*' || named?.name === user.name;
  if (kind === 'Group') return group?.name === '*' || user.groups.includes(group?.name ?? '');
  const { namespace, name } = serviceAccount ?? {};
  const prefix = `system:serviceaccount:${namespace}:`;
  return name === '*' ? user.name.startsWith(prefix) : user.name === prefix + name;
}

function matchesResource(
  { verbs, apiGroups, resources, namespaces = [], clusterScope }: ResourcePolicyRule,
  { verb, group, resource, subresource, namespace }: RequestInfo,
): boolean {
  const named = subresource ? `${resource}/${subresource}` : resource;
  const inScope = namespace ? includes(namespaces, namespace) : clusterScope === true;
  return inScope && includes(verbs, verb) && includes(apiGroups, group) && includes(resources, named);
}

function matchesPath({ verbs, nonResourceURLs }: NonResourcePolicyRule, { verb, path }: RequestInfo): boolean {
  if (!includes(verbs, verb)) return false;
  return nonResourceURLs.some((url) => {
    if (url === '*' || url === path) return true;
    return url.endsWith('/*') && path.startsWith(url.slice(0, -1));
  });
}

const includes = (list: readonly string[], value: string) => list.includes('*') || list.includes(value);
