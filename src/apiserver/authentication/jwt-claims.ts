import type { UserInfo } from '../request.ts';
import type { JwtConfig } from './jwt-config.ts';
import { TokenError } from './token-error.ts';

export type Claims = Record<string, unknown>;

/** The value of an expression over the claims and, once there is one, the user. */
export type Evaluate = (expression: string, variables: { claims: Claims; user?: UserInfo }) => unknown;

/** The user that the claims of a verified token make (apiserver plugin/pkg/authenticator/token/oidc). */
export function userOfClaims(config: JwtConfig, claims: Claims, evaluate: Evaluate): UserInfo {
  checkRequired(config, claims, evaluate);
  const { username, groups, uid, extra = [] } = config.claimMappings;
  const name = username.expression
    ? textOf(evaluate(username.expression, { claims }), 'username')
    : (username.prefix ?? '') + usernameOf(claims, username.claim!);
  if (!name) throw new TokenError('oidc: empty username via CEL expression is not allowed');
  const uidValue = uid?.expression
    ? textOf(evaluate(uid.expression, { claims }), 'uid')
    : uid?.claim
      ? textOf(claims[uid.claim], uid.claim)
      : '';
  const user: UserInfo = {
    name,
    groups: groupsOf(groups, claims, evaluate),
    ...(uidValue ? { uid: uidValue } : {}),
    ...extraOf(extra, claims, evaluate),
  };
  for (const { expression, message } of config.userValidationRules ?? [])
    if (evaluate(expression, { claims, user }) !== true)
      throw new TokenError(
        `oidc: error evaluating user info validation rule: validation expression '${expression}' failed: ${message ?? ''}`,
      );
  return user;
}

function checkRequired({ claimValidationRules = [] }: JwtConfig, claims: Claims, evaluate: Evaluate): void {
  for (const { claim, requiredValue = '', expression, message } of claimValidationRules) {
    if (expression) {
      if (evaluate(expression, { claims }) !== true)
        throw new TokenError(
          `oidc: error evaluating claim validation expression: validation expression '${expression}' failed: ${message ?? ''}`,
        );
      continue;
    }
    if (!Object.hasOwn(claims, claim!)) throw new TokenError(`oidc: required claim ${claim} not present in ID token`);
    if (claims[claim!] !== requiredValue)
      throw new TokenError(
        `oidc: required claim ${claim} value does not match. Got = ${claims[claim!]}, want = ${requiredValue}`,
      );
  }
}

/** An address of mail counts only if the issuer has not said that it is unverified. */
function usernameOf(claims: Claims, claim: string): string {
  const name = claims[claim];
  if (name === undefined) throw new TokenError(`oidc: parse username claims "${claim}": claim not present`);
  if (claim === 'email' && Object.hasOwn(claims, 'email_verified') && claims.email_verified !== true)
    throw new TokenError('oidc: email not verified');
  return textOf(name, claim);
}

function textOf(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw new TokenError(`oidc: ${what} must be a string, got ${JSON.stringify(value)}`);
}

function groupsOf(mapping: JwtConfig['claimMappings']['groups'], claims: Claims, evaluate: Evaluate): string[] {
  if (!mapping) return [];
  const value = mapping.expression ? evaluate(mapping.expression, { claims }) : claims[mapping.claim ?? ''];
  return textsOf(value, 'groups').map((group) => (mapping.prefix ?? '') + group);
}

/** One text is a list of one. */
function textsOf(value: unknown, what: string): string[] {
  if (value === undefined || value === null || value === '') return [];
  if (typeof value === 'string') return [value];
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw new TokenError(`oidc: ${what} must be a string or a list of strings, got ${JSON.stringify(value)}`);
}

function extraOf(
  mappings: readonly { key: string; valueExpression: string }[],
  claims: Claims,
  evaluate: Evaluate,
): { extra?: Record<string, string[]> } {
  const extra: Record<string, string[]> = {};
  for (const { key, valueExpression } of mappings) {
    const values = textsOf(evaluate(valueExpression, { claims }), `extra ${key}`);
    if (values.length > 0) extra[key] = values;
  }
  return Object.keys(extra).length > 0 ? { extra } : {};
}
