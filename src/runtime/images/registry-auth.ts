import type { PullOptions } from '../runtime.ts';
import type { Endpoint } from './registry-config.ts';

export type Credential = NonNullable<PullOptions['credentials']>[number];

/** A parsed WWW-Authenticate header (RFC 9110 section 11.6.1). */
export interface Challenge {
  scheme: string;
  parameters: Record<string, string>;
}

export function parseChallenge(header: string): Challenge {
  const [, scheme = '', rest = ''] = /^\s*(\S+)\s*(.*)$/s.exec(header) ?? [];
  const parameters: Record<string, string> = {};
  for (const match of rest.matchAll(/([a-zA-Z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)) {
    parameters[(match[1] as string).toLowerCase()] = match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? '';
  }
  return { scheme: scheme.toLowerCase(), parameters };
}

/** User and password of a credential; `auth` is base64 of 'user:password' as in docker's config.json. */
export function userAndPassword(
  credential: Credential,
  endpoint?: Endpoint,
): { user: string; password: string } | undefined {
  if (credential.auth) {
    const [user = '', ...password] = Buffer.from(credential.auth, 'base64').toString().split(':');
    return { user, password: password.join(':').replace(/\0+$/, '') };
  }
  if (credential.username) return { user: credential.username, password: credential.password ?? '' };
  if (endpoint?.username) return { user: endpoint.username, password: endpoint.password ?? '' };
  return undefined;
}

/** 'Basic …'. */
export function basicHeader({ user, password }: { user: string; password: string }): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** The request for a bearer token (distribution docs, spec/auth/token and /oauth). */
export function tokenRequest(
  challenge: Challenge,
  credential: Credential,
  scope: string,
  endpoint?: Endpoint,
): { url: URL; method: 'GET' | 'POST'; headers: Record<string, string>; body?: string } {
  const { realm = '', service } = challenge.parameters;
  const url = new URL(realm);
  const wanted = challenge.parameters.scope ?? scope;
  if (credential.identityToken) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credential.identityToken,
      client_id: 'vitrine',
      scope: wanted,
      ...(service !== undefined && { service }),
    });
    return { url, method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: `${form}` };
  }
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', wanted);
  const login = userAndPassword(credential, endpoint);
  return { url, method: 'GET', headers: login ? { authorization: basicHeader(login) } : {} };
}
