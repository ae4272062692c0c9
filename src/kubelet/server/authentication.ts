import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { TokenReview } from '../../api/generated/authentication-v1.ts';
import { unauthorized } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';
import { ExpiringCache } from './expiring-cache.ts';

/** Who asks the kubelet. */
export interface KubeletUser {
  username: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
}

/** authentication.webhook.cacheTTL of the KubeletConfiguration. */
const cacheTtlMs = 120_000;

/** By client certificate, or by a bearer token that the API server reviews; nobody is anonymous (kubelet auth.go, kubeadm's settings). */
export function kubeletAuthentication({ client, clock }: { client: Client; clock: Clock }) {
  const cache = new ExpiringCache<KubeletUser | undefined>(clock);
  return async (request: IncomingMessage): Promise<KubeletUser> => {
    const user = certificateUser(request.socket as TLSSocket) ?? (await tokenUser(request));
    if (!user) throw unauthorized();
    return user;
  };

  async function tokenUser(request: IncomingMessage): Promise<KubeletUser | undefined> {
    const [, token] = /^bearer +(\S+)/i.exec(request.headers.authorization ?? '') ?? [];
    if (!token) return undefined;
    // The token itself is nothing to keep in memory.
    const key = createHash('sha256').update(token).digest('base64');
    return cache.get(
      key,
      () => review(client, token),
      (user) => (user ? cacheTtlMs : 0),
    );
  }
}

/** CN is the user, O are the groups (apiserver pkg/authentication/request/x509). */
function certificateUser(socket: TLSSocket): KubeletUser | undefined {
  if (!socket.authorized) return undefined;
  const { subject } = socket.getPeerCertificate();
  const username = [subject?.CN].flat()[0];
  if (!username) return undefined;
  const organizations = [subject.O ?? []].flat();
  return { username, groups: [...organizations, 'system:authenticated'] };
}

async function review(client: Client, token: string): Promise<KubeletUser | undefined> {
  const { status } = await postReview<TokenReview>(client, '/apis/authentication.k8s.io/v1/tokenreviews', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token },
  });
  const { username, uid, groups = [], extra } = status?.user ?? {};
  if (!status?.authenticated || !username) return undefined;
  return { username, groups, ...(uid && { uid }), ...(extra && { extra }) };
}

/** Reviews are posted and answered, never stored. */
export async function postReview<T>(client: Client, path: string, body: object): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  const response = await client.request({ method: 'POST', path, headers, body: JSON.stringify(body) });
  if (response.status >= 300) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
