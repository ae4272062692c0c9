import { badRequest, internalError } from '../../api/status-error.ts';
import type { ServerHandler, ServerRequest } from '../http/exchange.ts';
import type { Authorizer, RequestInfo, UserInfo } from '../request.ts';
import { requireAllowed } from './authorization.ts';

const extraPrefix = 'impersonate-extra-';

/** Acts as the user that the Impersonate-* headers name, if the caller may (apiserver pkg/endpoints/filters/impersonation). */
export function impersonation(next: ServerHandler, authorizers: readonly Authorizer[]): ServerHandler {
  return (request) => (isAsked(request.headers) ? impersonate(request) : next(request));

  async function impersonate(request: ServerRequest) {
    const target = impersonated(request.headers);
    if (target) {
      for (const check of checksFor(target)) await requireAllowed(authorizers, request.user, check);
      request.realUser = request.user;
      request.user = completed(target);
      for (const name of Object.keys(request.headers)) {
        if (name.startsWith('impersonate-')) delete request.headers[name];
      }
    }
    return next(request);
  }
}

function impersonated(headers: ServerRequest['headers']): UserInfo | undefined {
  const name = headers['impersonate-user'];
  const uid = headers['impersonate-uid'];
  const groups = listOf(headers['impersonate-group']);
  const extra: Record<string, string[]> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (header.startsWith(extraPrefix)) extra[decode(header.slice(extraPrefix.length))] = listOf(value);
  }
  if (!name) {
    if (uid || groups.length > 0 || Object.keys(extra).length > 0) {
      throw internalError(
        `requested ${JSON.stringify({ groups, extra, uid })} impersonation without impersonating a user`,
      );
    }
    return undefined;
  }
  return { name, groups, ...(uid ? { uid } : {}), ...(Object.keys(extra).length > 0 ? { extra } : {}) };
}

function isAsked(headers: ServerRequest['headers']): boolean {
  for (const name in headers) if (name.startsWith('impersonate-')) return true;
  return false;
}

function checksFor(target: UserInfo): RequestInfo[] {
  const checks: RequestInfo[] = [];
  const account = serviceAccount(target.name);
  if (account) checks.push(check({ resource: 'serviceaccounts', ...account }));
  else checks.push(check({ resource: 'users', name: target.name }));
  for (const name of target.groups) checks.push(check({ resource: 'groups', name }));
  const group = 'authentication.k8s.io';
  if (target.uid) checks.push(check({ group, resource: 'uids', name: target.uid }));
  for (const [key, values] of Object.entries(target.extra ?? {})) {
    for (const name of values) checks.push(check({ group, resource: 'userextras', subresource: key, name }));
  }
  return checks;
}

function check(what: Partial<RequestInfo>): RequestInfo {
  const none = { path: '', group: '', version: 'v1', resource: '', subresource: '', namespace: '', name: '' };
  return { ...none, isResourceRequest: true, verb: 'impersonate', ...what };
}

/** The groups that authentication would have given. */
function completed(target: UserInfo): UserInfo {
  if (target.name === 'system:anonymous') return withGroup(target, 'system:unauthenticated');
  const account = serviceAccount(target.name);
  const groups =
    account && target.groups.length === 0
      ? ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`]
      : target.groups;
  return withGroup({ ...target, groups }, 'system:authenticated');
}

function withGroup(user: UserInfo, group: string): UserInfo {
  return user.groups.includes(group) ? user : { ...user, groups: [...user.groups, group] };
}

function serviceAccount(name: string): { namespace: string; name: string } | undefined {
  const match = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  return match ? { namespace: match[1]!, name: match[2]! } : undefined;
}

const listOf = (header: string | undefined) => (header ? header.split(',').map((part) => part.trim()) : []);

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest(`invalid impersonation header ${extraPrefix}${text}`);
  }
}
