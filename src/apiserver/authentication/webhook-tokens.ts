import { createHash } from 'node:crypto';
import type { TokenReview } from '../../api/generated/authentication-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { UserInfo } from '../request.ts';
import { type BearerToken, exchangeJson } from './exchange-json.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';
import { TokenError } from './token-error.ts';

/** How to reach the webhook: what the current context of its kubeconfig says. */
export interface WebhookAccess {
  server: string;
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
  token?: BearerToken | undefined;
}

export interface WebhookTokenOptions extends WebhookAccess {
  /** Of authentication.k8s.io in which it is asked. */
  version: string;
  /** How long an answer holds. */
  cacheTtlMs: number;
  /** Audiences of this server. */
  audiences: string[];
}

const timeoutMs = 30_000;
const cacheSize = 4096;

interface Answer {
  until: number;
  user: UserInfo | undefined;
}

/** Asks a webhook who a token belongs to (--authentication-token-webhook-config-file). */
export function webhookTokenAuthenticator(options: WebhookTokenOptions, clock: Clock): TokenAuthenticator {
  /** By the hash of the token, oldest first. */
  const answers = new Map<string, Answer>();
  return {
    async authenticate(token) {
      const key = createHash('sha256').update(token).digest('base64');
      const known = answers.get(key);
      if (known && known.until > clock.now()) return known.user;
      const user = await ask(options, token);
      if (answers.size >= cacheSize) answers.delete(answers.keys().next().value!);
      answers.delete(key);
      answers.set(key, { until: clock.now() + options.cacheTtlMs, user });
      return user;
    },
  };
}

async function ask({ server, version, audiences, ca, cert, key, token: own }: WebhookTokenOptions, token: string) {
  const review = {
    apiVersion: `authentication.k8s.io/${version}`,
    kind: 'TokenReview',
    metadata: { creationTimestamp: null },
    spec: { token, audiences },
  };
  let status: TokenReview['status'];
  try {
    const answer = await exchangeJson(server, { ca, cert, key, token: own, body: review, timeoutMs });
    ({ status } = answer as TokenReview);
  } catch (error) {
    throw new TokenError('the token webhook could not be asked', { cause: error });
  }
  if (!status?.authenticated) {
    if (status?.error) throw new TokenError(status.error);
    return undefined;
  }
  // A webhook that says nothing of audiences knows nothing of them: then they are ours.
  if (status.audiences?.length && !status.audiences.some((audience) => audiences.includes(audience))) return undefined;
  const {
    username = '',
    uid,
    groups = [],
    extra,
  } = (status.user ?? {}) as {
    username?: string;
    uid?: string;
    groups?: string[];
    extra?: Record<string, string[]>;
  };
  return { name: username, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
}
