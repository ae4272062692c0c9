import type { UserInfo } from '../request.ts';

/** Names of users and groups with a meaning (apiserver pkg/authentication/user/user.go). */
export const groups = {
  masters: 'system:masters',
  nodes: 'system:nodes',
  authenticated: 'system:authenticated',
  unauthenticated: 'system:unauthenticated',
  serviceAccounts: 'system:serviceaccounts',
  bootstrappers: 'system:bootstrappers',
} as const;

export const anonymous: UserInfo = { name: 'system:anonymous', groups: [groups.unauthenticated] };

const serviceAccountPrefix = 'system:serviceaccount:';

export function serviceAccountUser(namespace: string, name: string): { name: string; groups: string[] } {
  return {
    name: `${serviceAccountPrefix}${namespace}:${name}`,
    groups: [groups.serviceAccounts, `${groups.serviceAccounts}:${namespace}`],
  };
}

/** The service account that a user name means, if it means one. */
export function serviceAccountOf(userName: string): { namespace: string; name: string } | undefined {
  if (!userName.startsWith(serviceAccountPrefix)) return undefined;
  const [namespace, name, ...rest] = userName.slice(serviceAccountPrefix.length).split(':');
  return namespace && name && rest.length === 0 ? { namespace, name } : undefined;
}

/** Everyone who proved who they are is in system:authenticated (apiserver pkg/authentication/group). */
export function withAuthenticatedGroup(user: UserInfo): UserInfo {
  if (user.groups.includes(groups.authenticated) || user.groups.includes(groups.unauthenticated)) return user;
  return { ...user, groups: [...user.groups, groups.authenticated] };
}
