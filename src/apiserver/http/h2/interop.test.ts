import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../../../base/clock.ts';
import { ensurePki, type Pki } from '../../pki/pki.ts';
import { type Listener, openListener } from '../listener.ts';
import { statusOf } from '../response.ts';

const run = promisify(execFile);
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'h2-interop-'));
let pki: Pki;
let listener: Listener;
let aborted = 0;

before(async () => {
  pki = await ensurePki(directory, { names: [], addresses: ['127.0.0.1'], nodeName: 'n', clock: systemClock });
  const tls = { key: pki.apiserver.key, cert: pki.apiserver.certificate, clientCa: pki.ca.certificate };
  listener = await openListener({ host: '127.0.0.1', port: 0 }, tls, async (request) => {
    const headers = {
      'content-type': 'text/plain',
      'x-method': request.method,
      'x-user': request.certificate?.commonName ?? '',
    };
    request.cancellation.signal.addEventListener('abort', () => aborted++);
    try {
      if (request.path === '/hang')
        await new Promise((resolve) => request.cancellation.signal.addEventListener('abort', resolve));
      if (request.path === '/large') return { status: 200, headers, body: Array(5000).fill(Buffer.alloc(1000, 'x')) };
      if (request.path === '/field')
        return { status: 200, headers, body: Buffer.from(request.headers['x-field'] ?? '', 'latin1') };
      return { status: 200, headers, body: await request.body() };
    } catch (error) {
      return { status: statusOf(error).code ?? 500, headers, body: Buffer.from('refused') };
    }
  });
});
after(async () => {
  await listener.close(() => false);
  fs.rmSync(directory, { recursive: true });
});

const origin = () => `https://127.0.0.1:${listener.port}`;

interface Answer {
  headers: http2.IncomingHttpHeaders;
  body: Buffer;
}

function ask(session: http2.ClientHttp2Session, fields: http2.OutgoingHttpHeaders, body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(fields, { endStream: body === undefined });
    let headers: http2.IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on('response', (head) => {
      headers = head;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve({ headers, body: Buffer.concat(chunks) }));
    stream.on('error', reject);
    if (body) stream.end(body);
  });
}

describe("node:http2's client", () => {
  let session: http2.ClientHttp2Session;
  before(() => {
    session = http2.connect(origin(), { ca: pki.ca.certificate });
  });
  after(() => session.close());

  it('sends bodies of all sizes, many at a time, and gets them back', async () => {
    const sizes = [0, 1, 16_384, 65_535, 65_536, 1_000_000, 3_000_000];
    const answers = await Promise.all(
      sizes.map((size) => ask(session, { ':method': 'POST' }, Buffer.alloc(size, 'y'))),
    );
    assert.deepEqual(
      answers.map(({ body }) => body.length),
      sizes,
    );
    assert.equal(answers[0]!.headers['x-method'], 'POST');
    assert.ok(Date.parse(answers[0]!.headers.date!) > 0);
  });

  it('is refused a body of more than 3 MiB, and goes on', async () => {
    const { headers } = await ask(session, { ':method': 'POST' }, Buffer.alloc(4 << 20)).catch(() => ({ headers: {} }));
    assert.ok([413, undefined].includes((headers as Record<string, unknown>)[':status'] as number | undefined));
    assert.equal((await ask(session, { ':path': '/' })).headers[':status'], 200);
  });

  it('gets a large answer whole, a thousand small ones, and heads without bodies', async () => {
    assert.equal((await ask(session, { ':path': '/large' })).body.length, 5_000_000);
    const head = await ask(session, { ':path': '/large', ':method': 'HEAD' });
    assert.deepEqual([head.headers[':status'], head.body.length], [200, 0]);
    for (let n = 0; n < 10; n++) await Promise.all(Array.from({ length: 100 }, () => ask(session, { ':path': '/' })));
  });

  it("says every byte in Huffman's code", async () => {
    const all = Array.from({ length: 256 }, (_, n) => n).filter(
      (n) => ![0, 10, 13, 127].includes(n) && (n >= 32 || n === 9),
    );
    for (const text of [String.fromCharCode(...all), ...all.map((n) => `a${String.fromCharCode(n).repeat(9)}b`)])
      assert.equal(
        (await ask(session, { ':path': '/field', 'x-field': text.trim() })).body.toString('latin1'),
        text.trim(),
      );
  });

  it('that gives up is noticed', async () => {
    const before = aborted;
    const stream = session.request({ ':path': '/hang' });
    stream.on('error', () => {});
    await ask(session, { ':path': '/' });
    stream.close(http2.constants.NGHTTP2_CANCEL);
    while (aborted === before) await ask(session, { ':path': '/' });
  });

  it('changes its settings, pings, and is told to go when the server ends', async () => {
    const own = await openListener(
      { host: '127.0.0.1', port: 0 },
      { key: pki.apiserver.key, cert: pki.apiserver.certificate, clientCa: pki.ca.certificate },
      async () => ({ status: 200, headers: {}, body: Buffer.alloc(100_000) }),
    );
    const client = http2.connect(`https://127.0.0.1:${own.port}`, { ca: pki.ca.certificate });
    await ask(client, { ':path': '/' });
    await new Promise<void>((resolve) =>
      client.settings({ initialWindowSize: 1000, headerTableSize: 100 }, () => resolve()),
    );
    assert.equal((await ask(client, { ':path': '/' })).body.length, 100_000);
    await new Promise<void>((resolve) => client.ping(() => resolve()));
    const codes: number[] = [];
    client.on('goaway', (code) => codes.push(code));
    const closed = new Promise((resolve) => client.once('close', resolve));
    await Promise.all([own.close(() => false), closed]);
    // The first of the two is enough for it.
    assert.equal(codes[0], 0);
  });

  it('is known by its certificate', async () => {
    const { certificate, key } = pki.admin;
    const known = http2.connect(origin(), { ca: pki.ca.certificate, cert: certificate, key });
    assert.equal((await ask(known, { ':path': '/' })).headers['x-user'], 'kubernetes-admin');
    known.close();
  });
});

describe('a client that speaks', () => {
  it('only HTTP/1.1 is served as well, and may be idle as long as others', async () => {
    const answer = await new Promise<{ version: string; keepAlive: unknown; body: string }>((resolve, reject) => {
      const request = https.request(origin(), { method: 'POST', ca: pki.ca.certificate }, (response) => {
        const { httpVersion: version, headers } = response;
        response.setEncoding('utf8').on('data', (body) => resolve({ version, keepAlive: headers['keep-alive'], body }));
      });
      request.on('error', reject).end('hello');
    });
    assert.deepEqual(answer, { version: '1.1', keepAlive: 'timeout=90', body: 'hello' });
  });

  it("curl's HTTP/2 gets what it asks for", async (t) => {
    const version = await run('curl', ['--version']).catch(() => undefined);
    if (!version?.stdout.includes('HTTP2')) return t.skip('there is no curl with HTTP/2 here');
    const ca = path.join(directory, 'ca-of-test.pem');
    fs.writeFileSync(ca, pki.ca.certificate);
    const curl = async (...args: string[]) => (await run('curl', ['-sS', '--http2', '--cacert', ca, ...args])).stdout;
    assert.equal(await curl('-w', '%{http_version}', '-d', 'hello', `${origin()}/`), 'hello2');
    assert.equal(await curl('-w', '%{size_download}', '-o', '/dev/null', `${origin()}/large`), '5000000');
    const many = Array.from({ length: 50 }, (_, n) => ['-d', `${n};`, `${origin()}/`]);
    assert.equal(
      (
        await curl(
          '--parallel',
          ...many.flatMap((one, n) => (n ? ['--next', '-sS', '--http2', '--cacert', ca, ...one] : one)),
        )
      ).length,
      140,
    );
  });
});
