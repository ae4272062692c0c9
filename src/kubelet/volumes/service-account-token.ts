import type { TokenRequest } from '../../api/generated/authentication-v1.ts';
import type { Pod, ServiceAccountTokenProjection } from '../../api/generated/core-v1.ts';
import { StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';

/** A token, and until when it is good. */
export interface BoundToken {
  token: string;
  expirationTimestamp: string;
}

interface Token {
  value: Promise<BoundToken>;
  podUid: string;
  /** When a new one is to be fetched: at 80 % of its life, at the latest after a day (kubelet token_manager.go). */
  renewAtMs: number;
}

/** Tokens bound to Pods, from the TokenRequest API. */
export class ServiceAccountTokens {
  readonly #client: Client;
  readonly #clock: Clock;
  /** By Pod, audience and expiry. */
  readonly #tokens = new Map<string, Token>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async get(pod: Pod, wanted: Omit<ServiceAccountTokenProjection, 'path'>): Promise<string> {
    return (await this.getBound(pod, wanted)).token;
  }

  getBound(
    pod: Pod,
    { audience = '', expirationSeconds = 3600 }: Omit<ServiceAccountTokenProjection, 'path'>,
  ): Promise<BoundToken> {
    const key = `${pod.metadata.uid}/${audience}/${expirationSeconds}`;
    const cached = this.#tokens.get(key);
    if (cached && cached.renewAtMs > this.#clock.now()) return cached.value;
    const none = Promise.resolve({ token: '', expirationTimestamp: '' });
    const token: Token = { podUid: pod.metadata.uid, renewAtMs: Number.POSITIVE_INFINITY, value: none };
    token.value = this.#request(pod, audience, expirationSeconds, token);
    this.#tokens.set(key, token);
    token.value.catch(() => this.#tokens.delete(key));
    return token.value;
  }

  /** Pods that have a token to be renewed. */
  due(): Set<string> {
    const now = this.#clock.now();
    return new Set([...this.#tokens.values()].filter((token) => token.renewAtMs <= now).map((token) => token.podUid));
  }

  forget(podUid: string): void {
    for (const [key, token] of this.#tokens) if (token.podUid === podUid) this.#tokens.delete(key);
  }

  async #request(pod: Pod, audience: string, expirationSeconds: number, token: Token): Promise<BoundToken> {
    const { namespace, name, uid } = pod.metadata;
    const account = pod.spec.serviceAccountName || 'default';
    const body: TokenRequest = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        ...(audience && { audiences: [audience] }),
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const response = await this.#client.request({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as TokenRequest & ConstructorParameters<typeof StatusError>[0];
    if (response.status >= 300) throw new StatusError(answer);
    const { token: value = '', expirationTimestamp = '' } = answer.status ?? {};
    const expiresMs = Date.parse(expirationTimestamp);
    const now = this.#clock.now();
    token.renewAtMs = now + Math.min(0.8 * (expiresMs - now), 24 * 3600 * 1000);
    return { token: value, expirationTimestamp };
  }
}
