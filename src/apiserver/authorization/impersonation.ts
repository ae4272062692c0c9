import { StatusError } from '../../api/status-error.ts';
import { anonymous, groups, serviceAccountOf, serviceAccountUser } from '../authentication/groups.ts';
import type { RequestInfo, UserInfo } from '../request.ts';
import type { ClusterAuthorizer } from './authorizers.ts';
import { forbiddenRequest } from './decision.ts';

const authentication = 'authentication.k8s.io';

/**
 * The user whom the Impersonate-* headers ask to act as (`kubectl --as`), once `user` is found to be allowed to; `user`
 * itself without such headers (apiserver pkg/endpoints/filters/impersonation.go).
 */
export function impersonate(
  user: UserInfo,
  headers: Record<string, string | undefined>,
  authorizer: ClusterAuthorizer,
): UserInfo {
  const name = headers['impersonate-user'];
  const wantedGroups = splitValues(headers['impersonate-group']);
  const uid = headers['impersonate-uid'];
  const extra = extraOf(headers);
  if (!name && wantedGroups.length === 0 && !uid && Object.keys(extra).length === 0) return user;
  if (!name) {
    throw new StatusError({
      code: 500,
      reason: 'InternalError',
      message: `Internal error occurred: requested [{${wantedGroups.join(' ')}}] without impersonating a user`,
    });
  }
  const check = (request: Partial<RequestInfo>) => {
    const full = { ...impersonationRequest, ...request };
    const { allowed, reason } = authorizer.decide(user, full);
    if (!allowed) throw forbiddenRequest(user, full, reason);
  };
  const account = serviceAccountOf(name);
  if (account) check({ resource: 'serviceaccounts', namespace: account.namespace, name: account.name });
  else check({ resource: 'users', name });
  for (const group of wantedGroups) check({ resource: 'groups', name: group });
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) {
      check({ resource: 'userextras', subresource: key, name: value, group: authentication, version: 'v1' });
    }
  }
  if (uid) check({ resource: 'uids', name: uid, group: authentication, version: 'v1' });
  return { name, groups: groupsOf(name, wantedGroups), ...(uid ? { uid } : {}), extra };
}

const impersonationRequest: RequestInfo = {
  isResourceRequest: true,
  verb: 'impersonate',
  path: '',
  group: '',
  version: 'v1',
  resource: 'users',
  subresource: '',
  namespace: '',
  name: '',
};

function groupsOf(name: string, wanted: string[]): string[] {
  if (name === anonymous.name) return wanted.length > 0 ? wanted : [groups.unauthenticated];
  const account = serviceAccountOf(name);
  const own = wanted.length > 0 || !account ? wanted : serviceAccountUser(account.namespace, account.name).groups;
  if (own.includes(groups.authenticated) || own.includes(groups.unauthenticated)) return own;
  return [...own, groups.authenticated];
}

function extraOf(headers: Record<string, string | undefined>): Record<string, string[]> {
  const prefix = 'impersonate-extra-';
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([header]) => header.startsWith(prefix))
      .map(([header, value]) => [decodeURIComponent(header.slice(prefix.length)), splitValues(value)]),
  );
}

/** Node joins repeated headers with commas. */
function splitValues(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}
