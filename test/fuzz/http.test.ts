import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import fc from 'fast-check';
import { ensurePki, type Pki } from '../../src/apiserver/pki/pki.ts';
import { type ApiServer, createApiServer } from '../../src/apiserver/server.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { fuzz } from '../../src/base/testing/fuzz.ts';
import { MemoryStore } from '../../src/store/memory.ts';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'fuzz-http-'));
let pki: Pki;
let server: ApiServer;
let port: number;
/** Paths that reached the server's own chain. */
const seen: string[] = [];

before(async () => {
  pki = await ensurePki(dir, { names: [], addresses: ['127.0.0.1'], nodeName: 'n1', clock: systemClock });
  server = createApiServer({
    ...{ store: new MemoryStore(), clock: systemClock, log: silentLogger, serviceCidr: '10.96.0.0/24' },
    listen: [{ host: '127.0.0.1', port: 0 }],
    tls: { key: pki.apiserver.key, cert: pki.apiserver.certificate, clientCa: pki.ca.certificate },
    plugins: () => ({
      authenticators: [
        {
          authenticate: async ({ path: asked }) => {
            seen.push(asked);
            return { name: 'ann', groups: [] };
          },
        },
      ],
      authorizers: [{ authorize: async () => ({ allowed: true, reason: '' }) }],
      admission: [],
    }),
  });
  await server.start();
  port = server.addresses()[0]!.port;
});
after(async () => {
  await server.stop();
  fs.rmSync(dir, { recursive: true });
});

/** Sends text on a connection of its own; everything that comes back until it is closed. */
async function send(text: string): Promise<string> {
  const socket = tls.connect({ host: '127.0.0.1', port, ca: pki.ca.certificate, ALPNProtocols: ['http/1.1'] });
  socket.on('error', () => {});
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk) => (answer += chunk));
  socket.write(text, 'latin1');
  await Promise.race([
    new Promise((resolve) => socket.once('close', resolve)),
    new Promise((resolve) => setTimeout(resolve, 1000)),
  ]);
  socket.destroy();
  return answer;
}

const request = (target: string, ...headers: string[]) =>
  `${[`GET ${target} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`;
const codesOf = (answer: string) => [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, code]) => Number(code));

describe('whatever path is asked for', () => {
  const segment = fc.constantFrom(
    ...[
      'api',
      'apis',
      'v1',
      'namespaces',
      'default',
      'pods',
      'a',
      '..',
      '.',
      '%2e%2e',
      '%2F',
      '%00',
      '%zz',
      '%',
      '',
      'x'.repeat(300),
    ],
    ...[
      'watch',
      'proxy',
      'log',
      'exec',
      'status',
      '__proto__',
      'constructor',
      '~',
      '*',
      'openapi',
      'v3',
      'readyz',
      'metrics',
      ';a=b',
      '%c0%ae',
    ],
  );
  const target = fc.tuple(
    fc.array(segment, { maxLength: 8 }),
    fc.constantFrom('', '?', '?watch=1&timeoutSeconds=0', '?a=%', '?=', '?limit=x'),
  );

  it('the answer is no more than a refusal, and never a crash', async () => {
    const check = async ([segments, query]: [string[], string]) => {
      const asked = `/${segments.join('/')}${query}`;
      const [code, ...more] = codesOf(await send(request(asked)));
      assert.ok(code === undefined || code < 500, `${asked}: ${code}`);
      assert.deepEqual(more, [], asked);
    };
    await fc.assert(fc.asyncProperty(target, check), fuzz(300));
  });

  it('no way leads out of where it began', async () => {
    for (const out of ['/api/v1/namespaces/../../../etc/passwd', '/openapi/v3/../../etc/passwd', '/apis/..%2f..%2fetc'])
      assert.ok([400, 404].includes(codesOf(await send(request(out)))[0]!), out);
  });
});

describe('whoever hides one request in another', () => {
  const inner = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
  const post = (headers: string[], body: string) =>
    `${['POST /api/v1/namespaces/default/configmaps HTTP/1.1', 'Host: x', 'Content-Type: application/json', ...headers].join('\r\n')}\r\n\r\n${body}`;
  const rows: [string, string][] = [
    ['two lengths', post(['Content-Length: 2', `Content-Length: ${inner.length + 2}`], `{}${inner}`)],
    ['a length and chunks', post(['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${inner}`)],
    ['chunks that are none', post(['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${inner}`)],
    ['a name with a space', post(['Transfer-Encoding : chunked'], `0\r\n\r\n${inner}`)],
    ['a folded header', post(['X: a', ' Content-Length: 0'], inner)],
    ['a bare line feed', `GET /api HTTP/1.1\nHost: x\nContent-Length: ${inner.length}\n\n${inner}`],
    ['a length in hex', post(['Content-Length: 0x10'], inner)],
    ['a negative length', post(['Content-Length: -1'], inner)],
    ['a NUL in a header', post([`Content-Length: ${inner.length}`, 'X: a\0b'], inner)],
    ['a line break in a name', post([`Content-Length: ${inner.length}`, 'X\r: a'], inner)],
  ];
  for (const [what, text] of rows)
    it(`by ${what} gets it refused`, async () => {
      seen.length = 0;
      const answer = await send(text);
      assert.ok(!seen.includes('/smuggled'), answer);
      assert.ok(
        codesOf(answer).every((code) => code >= 400 && code < 500),
        answer.slice(0, 300),
      );
    });

  it('a body that is not read does not become the next request', async () => {
    seen.length = 0;
    const big = 'x'.repeat((3 << 20) + 1);
    await send(post([`Content-Length: ${big.length + inner.length}`], big + inner));
    assert.ok(!seen.includes('/smuggled'));
  });

  it('any header in any number', async () => {
    const name = fc.constantFrom(
      'Accept',
      'Content-Type',
      'Authorization',
      'Impersonate-User',
      'Impersonate-Extra-%',
      'X-Remote-User',
      'Audit-Id',
      'Upgrade',
      'Expect',
      'Accept-Encoding',
      'If-None-Match',
      'Connection',
      'Trailer',
    );
    const value = fc.oneof(
      fc.constantFrom(
        '*/*',
        'application/json;as=Table',
        'gzip;q=0',
        '100-continue',
        'websocket',
        'a'.repeat(9000),
        '%',
        ';;;,,,',
        'text/html;q=x',
      ),
      fc.string().map((text) => text.replace(/[\r\n\0]/g, '')),
    );
    const header = fc.tuple(name, value).map(([key, text]) => `${key}: ${text}`);
    const check = async (headers: string[]) => {
      const answer = await send(request('/api/v1/namespaces/default/configmaps', ...headers));
      assert.ok(
        codesOf(answer).every((code) => code < 500),
        `${headers.join('\n')}: ${answer.slice(0, 500)}`,
      );
    };
    await fc.assert(fc.asyncProperty(fc.array(header, { maxLength: 5 }), check), fuzz(200));
  });
});
