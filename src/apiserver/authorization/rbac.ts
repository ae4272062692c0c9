import type { RequestInfo, UserInfo } from '../request.ts';
import type { Decision } from './decision.ts';
import type { RuleResolver } from './rule-resolver.ts';
import { ruleAllows } from './rules.ts';

/** Allowed by the first grant with a rule that fits (plugin/pkg/auth/authorizer/rbac/rbac.go). */
export function decideByRoles(resolver: RuleResolver, user: UserInfo, request: RequestInfo): Decision {
  const errors: string[] = [];
  for (const { rules, source, error } of resolver.grantsFor(user, request.namespace)) {
    if (rules.some((rule) => ruleAllows(rule, request))) {
      return { allowed: true, reason: `RBAC: allowed by ${source}` };
    }
    if (error) errors.push(error.message);
  }
  return { allowed: false, reason: errors.length > 0 ? `RBAC: ${aggregate(errors)}` : '' };
}

/** As Go's errors.NewAggregate prints errors. */
function aggregate(messages: string[]): string {
  const unique = [...new Set(messages)];
  return unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`;
}
