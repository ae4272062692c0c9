import type { PolicyRule } from '../../api/generated/rbac-v1.ts';
import { groups } from '../authentication/groups.ts';
import type { Authorizer, ObjectReader, RequestInfo, UserInfo } from '../request.ts';
import type { Decision } from './decision.ts';
import { createNodeAuthorizer } from './node-authorizer.ts';
import { decideByRoles } from './rbac.ts';
import { RuleResolver } from './rule-resolver.ts';

/** All authorizers as one, with a synchronous way in for those that ask often. */
export interface ClusterAuthorizer extends Authorizer {
  decide(user: UserInfo, request: RequestInfo): Decision;
  readonly resolver: RuleResolver;
}

/**
 * system:masters first, who may do everything; then Node, RBAC (--authorization-mode=Node,RBAC). The first that
 * allows decides.
 */
export function createAuthorizer(options: { reader: ObjectReader; nodeRules: PolicyRule[] }): ClusterAuthorizer {
  const resolver = new RuleResolver(options.reader);
  const decideForNode = createNodeAuthorizer(options.reader, options.nodeRules);
  const decide = (user: UserInfo, request: RequestInfo): Decision => {
    if (user.groups.includes(groups.masters)) return { allowed: true, reason: '' };
    const node = decideForNode(user, request);
    if (node.allowed) return node;
    const roles = decideByRoles(resolver, user, request);
    if (roles.allowed) return roles;
    return { allowed: false, reason: [node.reason, roles.reason].filter(Boolean).join('\n') };
  };
  return { resolver, decide, authorize: async (user, request) => decide(user, request) };
}
