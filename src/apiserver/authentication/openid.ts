import type { ApiResponse, Handler } from '../request.ts';
import { publicJwk } from './jwt.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

/** By path: how others can verify our service account tokens (KEP-1393, OpenID Connect Discovery 1.0). */
export function openIdHandlers(tokens: ServiceAccountTokens): Record<string, Handler> {
  const keys = `${tokens.issuer}/openid/v1/jwks`;
  const configuration = json('application/json', {
    issuer: tokens.issuer,
    jwks_uri: keys,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  });
  const keySet = json('application/jwk-set+json', { keys: [publicJwk(tokens.key)] });
  return {
    '/.well-known/openid-configuration': async () => configuration,
    '/openid/v1/jwks': async () => keySet,
  };
}

function json(contentType: string, value: unknown): ApiResponse {
  return {
    status: 200,
    headers: { 'content-type': contentType, 'cache-control': 'public, max-age=3600' },
    body: Buffer.from(JSON.stringify(value)),
  };
}
