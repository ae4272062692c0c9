import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodes, pods, secrets, serviceAccounts } from '../../api/resource.ts';
import { hasReason, type StatusError } from '../../api/status-error.ts';
import { FakeClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { newPrivateKey } from '../pki/certificate.ts';
import type { ApiRequest } from '../request.ts';
import { createAuthenticator } from './authenticators.ts';
import { decodeJwt } from './jwt.ts';
import { MemoryReader } from './memory-reader.ts';
import { reviewToken } from './reviews.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';
import { issueToken } from './token-request.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

function setUp() {
  const reader = new MemoryReader();
  const clock = new FakeClock();
  const tokens = new ServiceAccountTokens({ reader, clock, keyPem: newPrivateKey().pem });
  const authenticator = createAuthenticator({ reader, clock, tokens, log: silentLogger });
  reader.put(serviceAccounts, { metadata: { name: 'web', namespace: 'shop' } });
  reader.put(pods, {
    metadata: { name: 'web-1', namespace: 'shop' },
    spec: { serviceAccountName: 'web', nodeName: 'box', containers: [] },
  });
  reader.put(nodes, { metadata: { name: 'box' } });
  const ask = (request: Partial<ApiRequest>) =>
    authenticator.authenticate({ headers: {}, certificate: undefined, ...request } as ApiRequest);
  const bearer = (token: string | undefined) => ask({ headers: { authorization: `Bearer ${token}` } });
  return { reader, clock, tokens, ask, bearer };
}

const podReference = { apiVersion: 'v1', kind: 'Pod', name: 'web-1', uid: 'uid-web-1' };
const at = { namespace: 'shop', name: 'web', user: { name: 'ann', groups: [] } };

describe('authentication', () => {
  it('takes user and groups from the certificate', async () => {
    const { ask } = setUp();
    assert.deepEqual(await ask({ certificate: { commonName: 'ann', organizations: ['dev'] } }), {
      name: 'ann',
      groups: ['dev', 'system:authenticated'],
    });
  });

  it('believes the front proxy, and nobody else, about who asks', async () => {
    const { ask } = setUp();
    const proxy = { commonName: 'front-proxy-client', organizations: [], frontProxy: true };
    const headers = () => ({
      'x-remote-user': 'ann',
      'x-remote-group': 'dev, ops',
      'x-remote-uid': 'u1',
      'x-remote-extra-example.com%2fscope': 'a%20b',
    });
    assert.deepEqual(await ask({ certificate: proxy, headers: headers() }), {
      ...{ name: 'ann', uid: 'u1', groups: ['dev', 'ops', 'system:authenticated'] },
      extra: { 'example.com/scope': ['a b'] },
    });
    const other = { ...proxy, commonName: 'somebody' };
    await assert.rejects(ask({ certificate: other, headers: headers() }), (error) => hasReason(error, 'Unauthorized'));
    const ordinary = { commonName: 'eve', organizations: [] };
    assert.equal((await ask({ certificate: ordinary, headers: headers() }))?.name, 'eve');
    // A proxy that says nothing is nobody.
    assert.equal((await ask({ certificate: proxy }))?.name, 'system:anonymous');
  });

  it('calls who shows nothing system:anonymous and refuses who shows nonsense', async () => {
    const { ask, bearer } = setUp();
    assert.deepEqual(await ask({}), { name: 'system:anonymous', groups: ['system:unauthenticated'] });
    await assert.rejects(bearer('nonsense'), (error) => hasReason(error, 'Unauthorized'));
    assert.equal((await ask({ headers: { authorization: 'Basic eA==' } }))?.name, 'system:anonymous');
  });

  it('knows a service account by its token as long as its Pod lives', async () => {
    const { reader, tokens, bearer, clock } = setUp();
    const answer = issueToken({ spec: { boundObjectRef: podReference, expirationSeconds: 3607 } }, at, {
      reader,
      tokens,
    });
    const token = answer.status?.token;
    const user = await bearer(token);
    assert.equal(user?.name, 'system:serviceaccount:shop:web');
    assert.deepEqual(user?.groups, ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated']);
    assert.deepEqual(user?.extra?.['authentication.kubernetes.io/node-name'], ['box']);
    const claims = decodeJwt(token!)!.claims;
    assert.equal(Number(claims.exp) - Number(claims.iat), 365 * 24 * 3600);
    assert.equal((claims['kubernetes.io'] as { warnafter: number }).warnafter, Number(claims.iat) + 3607);
    reader.put(pods, {
      metadata: { name: 'web-1', namespace: 'shop', deletionTimestamp: new Date(clock.now()).toISOString() },
    });
    await bearer(token);
    clock.advance(120_000);
    await assert.rejects(bearer(token), (error) => hasReason(error, 'Unauthorized'));
  });

  it('refuses expired tokens, tokens for others, tokens of a former account and forged ones', async () => {
    const { reader, tokens, bearer, clock } = setUp();
    const issue = (spec: object) => issueToken({ spec }, at, { reader, tokens }).status?.token ?? '';
    const short = issue({ expirationSeconds: 600 });
    const foreign = issue({ audiences: ['vault'] });
    const good = issue({});
    await bearer(short);
    clock.advance(700_000);
    const forged = good.replace(/\.[^.]+$/, `.${Buffer.alloc(64, 1).toString('base64url')}`);
    for (const token of [short, foreign, forged]) {
      await assert.rejects(bearer(token), (error) => hasReason(error, 'Unauthorized'));
    }
    await bearer(good);
    reader.put(serviceAccounts, { metadata: { name: 'web', namespace: 'shop', uid: 'another' } });
    await assert.rejects(bearer(good), (error) => hasReason(error, 'Unauthorized'));
  });

  const refused: [string, object, string][] = [
    [
      'a short life',
      { expirationSeconds: 10 },
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes',
    ],
    ['a Pod that is not there', { boundObjectRef: { ...podReference, name: 'x' } }, 'pods "x" not found'],
    [
      'a Pod that was replaced',
      { boundObjectRef: { ...podReference, uid: 'old' } },
      'Operation cannot be fulfilled on Pod "web-1": the UID in the bound object reference (old) does not match the UID in record. The object might have been deleted and then recreated',
    ],
    [
      'another kind',
      { boundObjectRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' } },
      'cannot bind token to object of type apps/v1, Kind=Deployment',
    ],
  ];
  for (const [what, spec, message] of refused) {
    it(`issues no token for ${what}`, () => {
      const { reader, tokens } = setUp();
      assert.throws(
        () => issueToken({ spec }, at, { reader, tokens }),
        (error: StatusError) => error.message === message,
      );
    });
  }

  it('gives a kubelet tokens only for Pods of its own node', () => {
    const { reader, tokens } = setUp();
    const request = (node: string, boundObjectRef?: object) =>
      issueToken(
        { spec: { boundObjectRef } } as Parameters<typeof issueToken>[0],
        { ...at, user: { name: `system:node:${node}`, groups: ['system:nodes'] } },
        { reader, tokens },
      );
    assert.ok(request('box', podReference).status?.token);
    assert.throws(() => request('box'), /serviceaccounts "web" is forbidden: node requested token not bound to a pod/);
    assert.throws(() => request('other', podReference), /token bound to a pod scheduled on a different node/);
  });

  it('knows bootstrap tokens', async () => {
    const { reader, bearer } = setUp();
    reader.put(secrets, {
      metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
      type: 'bootstrap.kubernetes.io/token',
      data: {
        'token-id': base64('abcdef'),
        'token-secret': base64('0123456789abcdef'),
        'usage-bootstrap-authentication': base64('true'),
      },
    });
    assert.equal((await bearer('abcdef.0123456789abcdef'))?.name, 'system:bootstrap:abcdef');
    await assert.rejects(bearer('abcdef.0123456789abcdee'), (error) => hasReason(error, 'Unauthorized'));
  });

  it('reviews tokens for others', async () => {
    const { reader, tokens, clock } = setUp();
    const token = issueToken({ spec: { audiences: ['vault'] } }, at, { reader, tokens }).status!.token!;
    const others = async (text: string) => (text === 'known' ? { name: 'ann', groups: ['dev'] } : undefined);
    const review = async (spec: object) =>
      (await reviewToken({ spec } as Parameters<typeof reviewToken>[0], { tokens, reader, clock, others })).status;
    const good = await review({ token, audiences: ['vault', 'other'] });
    assert.equal(good?.authenticated, true);
    assert.deepEqual(good?.audiences, ['vault']);
    assert.ok(good?.user?.groups?.includes('system:authenticated'));
    assert.match(
      (await review({ token }))?.error ?? '',
      /token audiences \["vault"\] is invalid for the target audiences/,
    );
    assert.equal((await review({ token: 'nonsense' }))?.authenticated, undefined);
    assert.deepEqual((await review({ token: 'known' }))?.user, {
      username: 'ann',
      groups: ['dev', 'system:authenticated'],
    });
    assert.equal((await review({ token: 'known', audiences: ['vault'] }))?.authenticated, undefined);
  });
});
