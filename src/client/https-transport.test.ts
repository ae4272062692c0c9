import assert from 'node:assert/strict';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pods } from '../api/resource.ts';
import { httpsTransport } from './https-transport.ts';
import { createClient } from './rest.ts';

/** Self-signed for 127.0.0.1, for a hundred years; the key guards nothing. */
const cert = `-----BEGIN CERTIFICATE-----
MIIBijCCATCgAwIBAgIUIXEztfQ99VXYIyRdJCqzJzL77vcwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGdGVzdC1hMCAXDTI2MTEyMzE3NDEwNFoYDzIxMjYxMDMwMTc0
MTA0WjARMQ8wDQYDVQQDDAZ0ZXN0LWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAQp+NFRNlpcKg/RX57khfV7b6jhVFDZg1/NtzQtap4lsmVWtDdFT1VeblGqBe/q
cxKrSNf67PZ8cTRgldhXFy42o2QwYjAdBgNVHQ4EFgQUP9vTqb5gSvsjCVv8wIg1
m+C+YeYwHwYDVR0jBBgwFoAUP9vTqb5gSvsjCVv8wIg1m+C+YeYwDwYDVR0TAQH/
BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUCIC0U/SuI
WVUDjCgEm8UUtJdG00gU2m321Tm8XRNQIajpAiEA/bLY5IR23Ciog3sh+26QjPS/
j0Hg6CV3YJTf10+Sbxc=
-----END CERTIFICATE-----
`;
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPKN4HNZK9qz3Z/w/
Mqi5tz2XELaohrzTXlqd8yKpgFWhRANCAAQp+NFRNlpcKg/RX57khfV7b6jhVFDZ
g1/NtzQtap4lsmVWtDdFT1VeblGqBe/qcxKrSNf67PZ8cTRgldhXFy42
-----END PRIVATE KEY-----
`;
const otherCert = `-----BEGIN CERTIFICATE-----
MIIBiTCCATCgAwIBAgIUPoXOX3JQXUz7E7m4ey1qUQaMtkgwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGdGVzdC1iMCAXDTI2MTEyMzE3NDEwNFoYDzIxMjYxMDMwMTc0
MTA0WjARMQ8wDQYDVQQDDAZ0ZXN0LWIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARb7Xh277kRdVrxB10wJS01oRSIrMo851Q9/ZUw7qDTgNp+G12A09qez1XcjKxA
p5JnSDjMmCIAqhO8WP+EX02Wo2QwYjAdBgNVHQ4EFgQUun86x44rbSxLYaGcjGMO
Iwwj3xMwHwYDVR0jBBgwFoAUun86x44rbSxLYaGcjGMOIwwj3xMwDwYDVR0TAQH/
BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0cAMEQCIBEQoo6h
srZVVHk3h2BCU2LjHZEQ0ZHPxbHS7OUGRC1KAiAk0wDfdlN5YlBD5vGHP5zKXkDX
pP3co7uT/0Vd3EcxAA==
-----END CERTIFICATE-----
`;

const servers = new Set<http2.Http2SecureServer>();
const sessions = new Set<http2.ServerHttp2Session>();
after(() => {
  for (const session of sessions) session.destroy();
  for (const server of servers) server.close();
});

async function serve(
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  port = 0,
) {
  const server = http2.createSecureServer({ cert, key });
  servers.add(server);
  server.on('session', (session) => sessions.add(session));
  server.on('stream', onStream);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { port: bound } = server.address() as AddressInfo;
  return { server, port: bound, url: `https://127.0.0.1:${bound}` };
}

test('a request carries token, path and body; a large answer arrives whole', async () => {
  const { url } = await serve((stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
    stream.on('end', () => {
      stream.respond({ ':status': 200 });
      const { ':path': path, authorization } = headers;
      stream.end(
        JSON.stringify({ path, authorization, body: Buffer.concat(chunks).toString(), pad: 'x'.repeat(9_000_000) }),
      );
    });
  });
  const transport = httpsTransport({ server: url, ca: cert, token: 'secret' });
  const response = await transport.request({ method: 'POST', path: '/a?b=c', body: 'hello' });
  const answer = (await response.json()) as Record<string, string>;
  assert.deepEqual([answer.path, answer.authorization, answer.body], ['/a?b=c', 'Bearer secret', 'hello']);
  assert.equal(answer.pad?.length, 9_000_000);
  transport.close();
});

test('a watch streams, and aborting it ends the stream at the server', async () => {
  const closed = Promise.withResolvers<void>();
  const { url } = await serve((stream) => {
    stream.respond({ ':status': 200 });
    stream.write('{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n');
    stream.once('close', () => closed.resolve());
  });
  const client = createClient(httpsTransport({ server: url, ca: cert }));
  const stop = new AbortController();
  const names: string[] = [];
  for await (const event of client.watch(pods, { signal: stop.signal })) {
    if (event.type === 'ADDED') names.push(event.object.metadata.name);
    stop.abort();
  }
  await closed.promise;
  assert.deepEqual(names, ['a']);
  client.close();
});

test('after the server went away requests fail at once, and work again when it is back', async () => {
  const answer = (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': 200 });
    stream.end('{}');
  };
  const { server, port, url } = await serve(answer);
  const transport = httpsTransport({ server: url, ca: cert });
  const ask = async () => (await transport.request({ method: 'GET', path: '/' })).json();
  await ask();
  for (const session of sessions) session.destroy();
  await new Promise((resolve) => server.close(resolve));
  await sleep(20);
  await assert.rejects(ask(), /GET https:.*connection failed/);
  await serve(answer, port);
  assert.deepEqual(await ask(), {});
  transport.close();
});

test('a server that is not signed by the given authority is refused', async () => {
  const { url } = await serve(() => {});
  const transport = httpsTransport({ server: url, ca: otherCert });
  await assert.rejects(transport.request({ method: 'GET', path: '/' }), (error: Error) => {
    assert.match(String((error.cause as Error).message), /self-signed|signature|issuer/);
    return true;
  });
  transport.close();
});
