import type { SelfSubjectReview, TokenReview } from '../../api/generated/authentication-v1.ts';
import { badRequest } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { ObjectReader, UserInfo } from '../request.ts';
import { authenticateBootstrapToken } from './bootstrap-tokens.ts';
import { withAuthenticatedGroup } from './groups.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { TokenError } from './token-error.ts';

export interface TokenReviewContext {
  tokens: ServiceAccountTokens;
  reader: ObjectReader;
  clock: Clock;
  /** Who a token that is none of ours belongs to. */
  others(token: string): Promise<UserInfo | undefined>;
}

/** POST /apis/authentication.k8s.io/v1/tokenreviews (pkg/registry/authentication/tokenreview/storage.go). */
export async function reviewToken(
  review: TokenReview,
  { tokens, reader, clock, others }: TokenReviewContext,
): Promise<TokenReview> {
  const token = review.spec?.token;
  if (!token) throw badRequest('token is required for TokenReview in authentication');
  const asked = review.spec.audiences?.length ? review.spec.audiences : [tokens.issuer];
  const answer = (status: TokenReview['status']): TokenReview => ({
    ...review,
    kind: 'TokenReview',
    apiVersion: 'authentication.k8s.io/v1',
    spec: { ...review.spec, audiences: asked },
    status,
  });
  try {
    const found = tokens.authenticate(token, asked);
    if (found) return answer({ authenticated: true, user: userOf(found.user), audiences: found.audiences });
    const user = authenticateBootstrapToken(token, { reader, clock }) ?? (await others(token));
    // Such tokens know nothing of our audiences: they are for this server.
    if (!user || !asked.includes(tokens.issuer)) return answer({ user: {} });
    return answer({ authenticated: true, user: userOf(user), audiences: [tokens.issuer] });
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    return answer({ user: {}, error: `[invalid bearer token, ${error.message}]` });
  }
}

/** POST /apis/authentication.k8s.io/v1/selfsubjectreviews: `kubectl auth whoami` (KEP-3325). */
export function reviewSelf(review: SelfSubjectReview, user: UserInfo, clock: Clock): SelfSubjectReview {
  return {
    ...review,
    kind: 'SelfSubjectReview',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {
      ...review.metadata,
      creationTimestamp: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
    },
    status: { userInfo: plainUser(user) },
  };
}

function userOf(user: UserInfo): NonNullable<TokenReview['status']>['user'] {
  return plainUser(withAuthenticatedGroup(user));
}

function plainUser({ name, uid, groups, extra }: UserInfo) {
  return {
    username: name,
    ...(uid ? { uid } : {}),
    ...(groups.length ? { groups } : {}),
    ...(extra && Object.keys(extra).length ? { extra } : {}),
  };
}
