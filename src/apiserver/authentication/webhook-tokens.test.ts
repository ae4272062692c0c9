import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { FakeClock } from '../../base/clock.ts';
import { webhookTokenAuthenticator } from './webhook-tokens.ts';

/** What the webhook answers, by token. */
const answers: Record<string, object> = {
  good: { authenticated: true, user: { username: 'ann', uid: 'u1', groups: ['dev'], extra: { a: ['b'] } } },
  foreign: { authenticated: true, user: { username: 'ann' }, audiences: ['elsewhere'] },
  bad: { authenticated: false },
  broken: { authenticated: false, error: 'the directory is down' },
};

describe('tokens that a webhook knows', () => {
  const clock = new FakeClock(0);
  /** As whom we ask: it is replaced from time to time. */
  let own = 'own';
  const asked: { authorization: string | undefined; body: { apiVersion: string; spec: { token: string } } }[] = [];
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    asked.push({ authorization: request.headers.authorization, body });
    const status = answers[body.spec.token];
    if (!status) response.writeHead(500);
    response.end(JSON.stringify({ ...body, status }));
  });
  before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  const authenticate = (() => {
    let made: ReturnType<typeof webhookTokenAuthenticator> | undefined;
    return (token: string) => {
      made ??= webhookTokenAuthenticator(
        {
          server: `http://127.0.0.1:${(server.address() as AddressInfo).port}/authenticate`,
          token: () => own,
          version: 'v1',
          cacheTtlMs: 1000,
          audiences: ['api'],
        },
        clock,
      );
      return made.authenticate(token);
    };
  })();

  it('are asked for once, and again when the answer is old', async () => {
    const ann = { name: 'ann', uid: 'u1', groups: ['dev'], extra: { a: ['b'] } };
    assert.deepEqual(await authenticate('good'), ann);
    assert.deepEqual(await authenticate('good'), ann);
    assert.equal(asked.length, 1);
    assert.equal(asked[0]!.authorization, 'Bearer own');
    assert.equal(asked[0]!.body.apiVersion, 'authentication.k8s.io/v1');
    assert.deepEqual(asked[0]!.body.spec, { token: 'good', audiences: ['api'] });
    clock.advance(1001);
    own = 'rotated';
    await authenticate('good');
    assert.equal(asked.length, 2);
    assert.equal(asked[1]!.authorization, 'Bearer rotated');
  });

  it('are nobody’s where the webhook says so, or means other servers', async () => {
    assert.equal(await authenticate('bad'), undefined);
    assert.equal(await authenticate('foreign'), undefined);
  });

  it('are refused where the webhook fails; a failure is not remembered', async () => {
    await assert.rejects(authenticate('broken'), /the directory is down/);
    await assert.rejects(authenticate('unknown'), /the token webhook could not be asked/);
    const before = asked.length;
    await assert.rejects(authenticate('unknown'), /the token webhook could not be asked/);
    assert.equal(asked.length, before + 1);
  });
});
