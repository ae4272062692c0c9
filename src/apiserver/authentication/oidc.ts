import type { ParseResult } from '@marcbachmann/cel-js';
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../base/clock.ts';
import { exchangeJson } from './exchange-json.ts';
import { decodeJwt } from './jwt.ts';
import { type Claims, type Evaluate, userOfClaims } from './jwt-claims.ts';
import type { JwtConfig } from './jwt-config.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';
import { TokenError } from './token-error.ts';

const timeoutMs = 10_000;
/** Keys are asked for again when a token is signed with one that we do not know, but not more often. */
const refreshMs = 10_000;
/** As go-oidc: what the issuer may sign with, where nobody says. */
const defaultAlgorithms = ['RS256'];

/** Believes tokens of OpenID Connect issuers (--oidc-*, --authentication-config). */
export function oidcAuthenticator(configs: readonly JwtConfig[], clock: Clock): TokenAuthenticator {
  const issuers = configs.map((config) => ({ config, keys: new IssuerKeys(config, clock) }));
  return {
    async authenticate(token) {
      const claimed = decodeJwt(token)?.claims.iss;
      const issuer = issuers.find(({ config }) => config.issuer.url === claimed);
      if (!issuer) return undefined;
      const claims = await verified(token, issuer.config, issuer.keys, clock);
      return userOfClaims(issuer.config, claims, await evaluator(issuer.config));
    },
  };
}

async function verified(token: string, config: JwtConfig, keys: IssuerKeys, clock: Clock): Promise<Claims> {
  const { errors, jwtVerify } = await import('jose');
  const options = {
    issuer: config.issuer.url,
    audience: config.issuer.audiences,
    algorithms: config.signingAlgorithms ?? defaultAlgorithms,
    currentDate: new Date(clock.now()),
    requiredClaims: ['exp'],
  };
  const verify = async (known: JWTVerifyGetKey) => (await jwtVerify(token, known, options)).payload as Claims;
  try {
    try {
      return await verify(await keys.current());
    } catch (error) {
      // The issuer may have new keys.
      if (!(error instanceof errors.JWKSNoMatchingKey) && !(error instanceof errors.JWSSignatureVerificationFailed))
        throw error;
      return await verify(await keys.newer());
    }
  } catch (error) {
    throw new TokenError(`oidc: verify token: ${(error as Error).message}`, { cause: error });
  }
}

/** The keys of an issuer: asked for when the first token comes. */
class IssuerKeys {
  readonly #config: JwtConfig;
  readonly #clock: Clock;
  /** What was asked for last; undefined before, and after a failure. */
  #keys: Promise<JWTVerifyGetKey> | undefined;
  #askedAt = 0;

  constructor(config: JwtConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  current(): Promise<JWTVerifyGetKey> {
    this.#keys ??= this.#ask();
    return this.#keys;
  }

  newer(): Promise<JWTVerifyGetKey> {
    if (this.#clock.now() - this.#askedAt >= refreshMs) this.#keys = undefined;
    return this.current();
  }

  async #ask(): Promise<JWTVerifyGetKey> {
    this.#askedAt = this.#clock.now();
    try {
      const { url, discoveryURL, certificateAuthority } = this.#config.issuer;
      const exchange = { ca: certificateAuthority, timeoutMs };
      const document = `${url.replace(/\/$/, '')}/.well-known/openid-configuration`;
      const provider = (await exchangeJson(discoveryURL ?? document, exchange)) as {
        issuer?: string;
        jwks_uri?: string;
      };
      if (provider.issuer !== url)
        throw new Error(
          `issuer did not match the issuer returned by provider, expected ${JSON.stringify(url)} got ${JSON.stringify(provider.issuer)}`,
        );
      const { createLocalJWKSet } = await import('jose');
      return createLocalJWKSet((await exchangeJson(provider.jwks_uri ?? '', exchange)) as JSONWebKeySet);
    } catch (error) {
      this.#keys = undefined;
      throw error;
    }
  }
}

/** Compiled expressions by their text. */
const compiled = new Map<string, ParseResult>();

/** The compiler is loaded where a configuration has expressions. */
async function evaluator(config: JwtConfig): Promise<Evaluate> {
  if (!/"(?:valueE|e)xpression":/.test(JSON.stringify(config))) return () => undefined;
  const { compileMetered, dynamicEnvironment } = await import('../../api/cel/load.ts');
  const { Ledger, ledgerKey } = await import('../../api/cel/meter.ts');
  const { celProblem } = await import('../../api/cel/problems.ts');
  const { toCel } = await import('../../api/cel/values.ts');
  const environment = dynamicEnvironment(['claims', 'user']);
  return (expression, { claims, user }) => {
    try {
      const run = compiled.get(expression) ?? compileMetered(environment, expression);
      compiled.set(expression, run);
      const { name: username, uid = '', groups, extra = {} } = user ?? { name: '', groups: [] };
      const value = { username, uid, groups, extra };
      return run({ claims: toCel(claims), user: toCel(value), [ledgerKey]: new Ledger() });
    } catch (error) {
      throw new TokenError(`oidc: expression '${expression}' resulted in error: ${celProblem(error)}`, {
        cause: error,
      });
    }
  };
}
