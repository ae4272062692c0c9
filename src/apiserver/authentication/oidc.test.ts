import assert from 'node:assert/strict';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { FakeClock } from '../../base/clock.ts';
import { issue } from '../pki/certificate.ts';
import { type JwtConfig, jwtConfigOf, type OidcFlags, parseAuthenticationConfiguration } from './jwt-config.ts';
import { oidcAuthenticator } from './oidc.ts';

/** A small OpenID issuer on loopback. */
class Issuer {
  readonly #server: https.Server;
  readonly ca: string;
  keys: JWK[] = [];
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  #key: CryptoKey | undefined;
  #kid = '';

  constructor() {
    const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
    const { certificate, key } = issue({
      commonName: 'issuer',
      subjectAltNames: ['127.0.0.1'],
      usage: 'server',
      ...validity,
    });
    this.ca = certificate;
    this.#server = https.createServer({ cert: certificate, key }, (request, response) => {
      this.asked.push(request.url!);
      const answer =
        request.url === '/.well-known/openid-configuration'
          ? { issuer: this.url, jwks_uri: `${this.url}/keys` }
          : { keys: this.keys };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer));
    });
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    await this.newKey('first');
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async newKey(kid: string): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    this.keys = [{ ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' }];
    this.#key = privateKey;
    this.#kid = kid;
  }

  token(claims: JWTPayload, seconds = 3600, audience = 'kubernetes'): Promise<string> {
    const now = Math.floor(start / 1000);
    return new SignJWT({ iss: this.url, aud: audience, iat: now, exp: now + seconds, ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: this.#kid })
      .sign(this.#key!);
  }
}

const start = Date.parse('2026-01-01T00:00:00Z');

describe('OpenID tokens', () => {
  const issuer = new Issuer();
  const clock = new FakeClock(start);
  before(() => issuer.start());
  after(() => issuer.stop());

  const authenticator = (config: JwtConfig) => oidcAuthenticator([config], clock);
  const withFlags = (flags: Partial<OidcFlags> = {}) =>
    authenticator(
      jwtConfigOf({ issuerUrl: issuer.url, clientId: 'kubernetes', caPem: issuer.ca, requiredClaims: {}, ...flags }),
    );
  const refused = async (promise: Promise<unknown>, why: RegExp) => assert.rejects(promise, why);

  it('name users after the issuer, unless told otherwise', async () => {
    const token = await issuer.token({ sub: 'ann', email: 'ann@example.com', groups: ['dev', 'ops'] });
    assert.deepEqual(await withFlags().authenticate(token), { name: `${issuer.url}#ann`, groups: [] });
    assert.deepEqual(
      await withFlags({ usernamePrefix: '-', groupsClaim: 'groups', groupsPrefix: 'oidc:' }).authenticate(token),
      { name: 'ann', groups: ['oidc:dev', 'oidc:ops'] },
    );
    assert.equal((await withFlags({ usernameClaim: 'email' }).authenticate(token))?.name, 'ann@example.com');
    assert.equal(
      (await withFlags({ usernameClaim: 'email', usernamePrefix: 'x:' }).authenticate(token))?.name,
      'x:ann@example.com',
    );
  });

  it('have a group as text, too', async () => {
    const token = await issuer.token({ sub: 'ann', groups: 'dev' });
    assert.deepEqual((await withFlags({ groupsClaim: 'groups' }).authenticate(token))?.groups, ['dev']);
  });

  it('are refused where they are not for us, too old, or of others', async () => {
    const own = withFlags();
    await refused(
      own.authenticate(await issuer.token({ sub: 'a' }, 3600, 'other')),
      /verify token: unexpected "aud" claim value/,
    );
    await refused(
      own.authenticate(await issuer.token({ sub: 'a' }, -1)),
      /verify token: "exp" claim timestamp check failed/,
    );
    assert.equal(await own.authenticate(await issuer.token({ sub: 'a', iss: 'https://elsewhere' })), undefined);
    assert.equal(await own.authenticate('no token'), undefined);
    const good = await issuer.token({ sub: 'a' });
    const [header, , signature] = good.split('.');
    const forged = Buffer.from(JSON.stringify({ iss: issuer.url, aud: 'kubernetes', sub: 'root', exp: 4e9 }));
    await refused(
      own.authenticate(`${header}.${forged.toString('base64url')}.${signature}`),
      /signature verification failed/,
    );
    await refused(
      own.authenticate(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${forged.toString('base64url')}.x`),
      /verify token/,
    );
  });

  it('must have the claims that are required, and a verified address', async () => {
    const flags = { requiredClaims: { hd: 'example.com' } };
    await refused(withFlags(flags).authenticate(await issuer.token({ sub: 'a' })), /required claim hd not present/);
    await refused(
      withFlags(flags).authenticate(await issuer.token({ sub: 'a', hd: 'x' })),
      /required claim hd value does not match/,
    );
    assert.ok(await withFlags(flags).authenticate(await issuer.token({ sub: 'a', hd: 'example.com' })));
    const byMail = withFlags({ usernameClaim: 'email' });
    await refused(
      byMail.authenticate(await issuer.token({ email: 'a@b.c', email_verified: false })),
      /email not verified/,
    );
    await refused(byMail.authenticate(await issuer.token({ sub: 'a' })), /claim not present/);
  });

  it('are believed with a new key, asked for once it is needed', async () => {
    const own = withFlags();
    await own.authenticate(await issuer.token({ sub: 'a' }));
    issuer.asked.length = 0;
    await own.authenticate(await issuer.token({ sub: 'b' }));
    assert.deepEqual(issuer.asked, []);
    await issuer.newKey('second');
    const token = await issuer.token({ sub: 'c' });
    await refused(own.authenticate(token), /no applicable key found/);
    clock.advance(11_000);
    assert.equal((await own.authenticate(token))?.name, `${issuer.url}#c`);
    assert.deepEqual(issuer.asked, ['/.well-known/openid-configuration', '/keys']);
  });

  it('are mapped and judged by CEL', async () => {
    const { jwt } = parseAuthenticationConfiguration({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt: [
        {
          issuer: {
            url: issuer.url,
            audiences: ['kubernetes', 'other'],
            audienceMatchPolicy: 'MatchAny',
            certificateAuthority: issuer.ca,
          },
          claimValidationRules: [{ expression: 'claims.level > 2', message: 'level too low' }],
          claimMappings: {
            username: { expression: "'cel:' + claims.sub" },
            groups: { expression: "claims.roles.split(',')" },
            uid: { claim: 'id' },
            extra: [
              { key: 'example.com/tenant', valueExpression: 'claims.tenant' },
              { key: 'example.com/none', valueExpression: "''" },
            ],
          },
          userValidationRules: [{ expression: "!user.username.startsWith('cel:system:')", message: 'reserved' }],
        },
      ],
    });
    const own = authenticator(jwt[0]!);
    const claims = { sub: 'ann', roles: 'dev,ops', id: 'u1', tenant: 't', level: 3 };
    assert.deepEqual(await own.authenticate(await issuer.token(claims, 3600, 'other')), {
      name: 'cel:ann',
      groups: ['dev', 'ops'],
      uid: 'u1',
      extra: { 'example.com/tenant': ['t'] },
    });
    await refused(own.authenticate(await issuer.token({ ...claims, level: 1 })), /failed: level too low/);
    await refused(own.authenticate(await issuer.token({ ...claims, sub: 'system:x' })), /failed: reserved/);
    await refused(own.authenticate(await issuer.token({ ...claims, roles: undefined })), /no such key: roles/);
  });

  it('need an issuer that says who it is', async () => {
    const config = jwtConfigOf({ issuerUrl: issuer.url, clientId: 'kubernetes', requiredClaims: {} });
    await refused(authenticator(config).authenticate(await issuer.token({ sub: 'a' })), /verify token: cannot ask/);
  });
});

describe('authentication configurations', () => {
  const file = (jwt: object) => ({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [jwt],
  });
  const issuer = { url: 'https://a.example.com', audiences: ['x'] };
  const cases: [value: unknown, problem: RegExp][] = [
    [{ kind: 'Config' }, /must be an AuthenticationConfiguration/],
    [
      file({ issuer: { ...issuer, url: 'http://a' } }),
      /jwt\[0\]\.issuer\.url: Invalid value: "http:\/\/a": URL scheme must be https/,
    ],
    [file({ issuer: { ...issuer, audiences: [] } }), /at least one audience is required/],
    [file({ issuer: { ...issuer, audiences: ['x', 'y'] } }), /must be MatchAny for multiple audiences/],
    [file({ issuer }), /claimMappings\.username: Required value/],
    [file({ issuer, claimMappings: { username: { claim: 'sub' } } }), /username\.prefix: Required value/],
    [file({ issuer, claimMappings: { username: { claim: 'sub', expression: 'x' } } }), /can't both be set/],
  ];
  for (const [value, problem] of cases)
    it(`refuse ${problem.source}`, () => assert.throws(() => parseAuthenticationConfiguration(value), problem));
});
