import { isDeepStrictEqual } from 'node:util';
import type { ClusterRole, PolicyRule, RoleBinding } from '../../api/generated/rbac-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { forbidden } from '../../api/status-error.ts';
import { groups } from '../authentication/groups.ts';
import type { AdmissionAttributes, AdmissionPlugin, RequestInfo, UserInfo } from '../request.ts';
import type { ClusterAuthorizer } from './authorizers.ts';
import { compactRules, describeRule, missingRules, quotedList } from './rules.ts';

const rbacGroup = 'rbac.authorization.k8s.io';
const everything: PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/**
 * Nobody grants what he does not hold, unless allowed to `escalate` a role or `bind` it (pkg/registry/rbac). In
 * Kubernetes this is part of the storage of RBAC objects; it runs as the last validation here.
 */
export function createEscalationCheck(authorizer: ClusterAuthorizer): AdmissionPlugin {
  return {
    name: 'RBACEscalation',
    handles: ({ resource, operation, user }) =>
      resource.group === rbacGroup &&
      (operation === 'CREATE' || operation === 'UPDATE') &&
      !user.groups.includes(groups.masters),
    async validate(attributes) {
      if (onlyMetadataForDeletion(attributes)) return;
      if (attributes.resource.resource.endsWith('bindings')) checkBinding(attributes, authorizer);
      else checkRole(attributes, authorizer);
    },
  };
}

function checkRole(attributes: AdmissionAttributes, authorizer: ClusterAuthorizer): void {
  const { resource, name, namespace, user } = attributes;
  const request = requestFor('escalate', resource.resource, name, namespace);
  if (authorizer.decide(user, request).allowed) return;
  const role = attributes.object as ClusterRole;
  const old = attributes.oldObject as ClusterRole | undefined;
  const problem = escalation(authorizer, user, namespace, role.rules ?? []);
  if (problem) throw forbidden(resource, role.metadata.name, problem);
  const aggregates = [role, old].some((one) => one?.aggregationRule?.clusterRoleSelectors?.length);
  if (aggregates && escalation(authorizer, user, namespace, everything)) {
    throw forbidden(resource, role.metadata.name, 'must have cluster-admin privileges to use the aggregationRule');
  }
}

function checkBinding(attributes: AdmissionAttributes, authorizer: ClusterAuthorizer): void {
  const { resource, namespace, user } = attributes;
  const binding = attributes.object as RoleBinding;
  const roles = binding.roleRef.kind === 'Role' ? 'roles' : 'clusterroles';
  const request = requestFor('bind', roles, binding.roleRef.name, namespace);
  if (authorizer.decide(user, request).allowed) return;
  const rules = authorizer.resolver.rulesOf(binding.roleRef, namespace);
  const problem = escalation(authorizer, user, namespace, rules);
  if (problem) throw forbidden(resource, binding.metadata.name, problem);
}

/** What the user would gain, as kube-apiserver words it; empty when nothing. */
function escalation(authorizer: ClusterAuthorizer, user: UserInfo, namespace: string, rules: PolicyRule[]): string {
  const missing = missingRules(authorizer.resolver.rulesFor(user, namespace), rules);
  if (missing.length === 0) return '';
  const lines = compactRules(missing).map(describeRule).sort();
  const who = `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)})`;
  return `${who} is attempting to grant RBAC permissions not currently held:\n${lines.join('\n')}`;
}

function requestFor(verb: string, resource: string, name: string, namespace: string): RequestInfo {
  return {
    isResourceRequest: true,
    verb,
    path: '',
    group: rbacGroup,
    version: '*',
    resource,
    subresource: '',
    namespace,
    name,
  };
}

/** The garbage collector may take away owner references and finalizers of roles that it could not grant. */
function onlyMetadataForDeletion({ object, oldObject }: AdmissionAttributes): boolean {
  if (!object || !oldObject) return false;
  const rest = (one: KubeObject) => {
    const { ownerReferences: _o, finalizers: _f, managedFields: _m, resourceVersion: _r, ...metadata } = one.metadata;
    return { ...one, metadata };
  };
  return isDeepStrictEqual(rest(object), rest(oldObject));
}
