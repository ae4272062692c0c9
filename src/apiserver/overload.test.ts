import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { until } from '../../test/cluster/fixture/until.ts';
import { FakeClock, systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { MemoryStore } from '../store/memory.ts';
import { RequestMetrics } from './endpoints/request-metrics.ts';
import { deadline, timeoutOf } from './filters/deadline.ts';
import { Cancellation, nobody, type ServerRequest } from './http/exchange.ts';
import { ensurePki, type Pki } from './pki/pki.ts';
import type { AdmissionPlugin } from './request.ts';
import { parseRequestInfo } from './request-info.ts';
import { type ApiServer, createApiServer } from './server.ts';

const maps = '/api/v1/namespaces/default/configmaps';

interface Answer {
  status: number;
  body: string;
  headers: NodeJS.Dict<string | string[]>;
}

describe('a request', () => {
  const request = (target: string): ServerRequest => {
    const [path = '', query] = target.split('?');
    const parameters = new URLSearchParams(query);
    const info = parseRequestInfo('GET', path, parameters);
    const cancellation = new Cancellation();
    return { target, query: parameters, info, user: nobody, cancellation } as unknown as ServerRequest;
  };
  const never = () => new Promise<never>(() => {});

  it('that takes longer than a minute, or than it wants to, is answered 504', async () => {
    const clock = new FakeClock();
    const metrics = new RequestMetrics();
    const handle = deadline(never, clock, metrics);
    const [usual, impatient] = [handle(request('/api/v1/pods')), handle(request('/api/v1/pods?timeout=2s'))];
    const failed: string[] = [];
    usual.catch((error) => failed.push(`usual ${error.code}`));
    impatient.catch((error) => failed.push(`impatient ${error.code}`));
    clock.advance(3000);
    await Promise.resolve();
    assert.deepEqual(failed, ['impatient 504']);
    clock.advance(58_000);
    await assert.rejects(usual, {
      code: 504,
      reason: 'Timeout',
      message: 'Timeout: request did not complete within the allotted timeout',
    });
  });

  it('that stays open by its nature has all the time', async () => {
    const clock = new FakeClock();
    const handle = deadline(never, clock, new RequestMetrics());
    for (const target of ['/api/v1/pods?watch=true', '/api/v1/namespaces/a/pods/b/log', '/api/v1/nodes/a/proxy/x'])
      handle(request(target)).catch(() => assert.fail(target));
    clock.advance(600_000);
    await Promise.resolve();
  });

  it('says its timeout as Go writes durations', () => {
    const texts = ['30s', '1m', '1m30s', '0', '', '250ms', '.5s'];
    assert.deepEqual(texts.map(timeoutOf), [30_000, 60_000, 60_000, 60_000, 60_000, 250, 500]);
    for (const text of ['x', '5', '5 s', 's5', '-1s'])
      assert.throws(() => timeoutOf(text), /invalid timeout specified in the request URL/, text);
  });
});

describe('under load, the API server', () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'apiserver-'));
  let pki: Pki;
  let server: ApiServer;
  let port: number;
  /** What admission waits for, so that a request is under way for as long as a test wants. */
  let gate: Promise<void> = Promise.resolve();
  /** Requests that have come to the gate. */
  let arrived = 0;
  const waiting: AdmissionPlugin = {
    name: 'wait',
    handles: () => true,
    admit: () => {
      arrived++;
      return gate;
    },
  };

  before(async () => {
    pki = await ensurePki(dir, { names: [], addresses: ['127.0.0.1'], nodeName: 'n1', clock: systemClock });
  });
  after(() => fs.rmSync(dir, { recursive: true }));

  beforeEach(async (t) => {
    gate = Promise.resolve();
    server = createApiServer({
      store: new MemoryStore(),
      clock: systemClock,
      log: silentLogger,
      listen: [{ host: '127.0.0.1', port: 0 }],
      tls: { key: pki.apiserver.key, cert: pki.apiserver.certificate, clientCa: pki.ca.certificate },
      serviceCidr: '10.96.0.0/24',
      plugins: () => ({
        authenticators: [{ authenticate: async () => ({ name: 'ann', groups: [] }) }],
        authorizers: [{ authorize: async () => ({ allowed: true, reason: '' }) }],
        admission: [waiting],
      }),
    });
    await server.start();
    port = server.addresses()[0]!.port;
    const stopping = server;
    if ('after' in t) t.after(() => stopping.stop());
  });

  function call(method: string, target: string, body?: string | Buffer, headers: Record<string, string> = {}) {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const options = { host: '127.0.0.1', port, method, path: target, ca: pki.ca.certificate, agent: false as const };
    const request = https.request({ ...options, headers: { 'content-type': 'application/json', ...headers } });
    request.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }));
    });
    request.end(body);
    return promise;
  }

  const connect = () => http2.connect(`https://127.0.0.1:${port}`, { ca: pki.ca.certificate });

  it('refuses bodies of more than 3 MiB in the words of Kubernetes, and closes the connection', async () => {
    const { status, body, headers } = await call('POST', maps, 'x'.repeat((3 << 20) + 1));
    assert.equal(status, 413);
    const { message, reason } = JSON.parse(body);
    assert.deepEqual([reason, message], ['RequestEntityTooLarge', 'Request entity too large: limit is 3145728']);
    assert.equal(headers.connection, 'close');
  });

  const bombs: [string, string, string | Buffer, number, RegExp][] = [
    ['nested JSON', 'application/json', `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`, 400, /exceeded max depth/],
    ['nested lists', 'application/json', '['.repeat(1_500_000), 400, /json parse error/],
    ['nested YAML', 'application/yaml', '['.repeat(100_000), 400, /error converting YAML/],
    [
      'an alias bomb',
      'application/yaml',
      [
        'a: &a [x,x,x,x,x,x,x,x,x]',
        ...'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${`*${'abcdefghi'[i]},`.repeat(9)}]`),
      ].join('\n'),
      400,
      /error converting YAML/,
    ],
    [
      'nested protobuf',
      'application/vnd.kubernetes.protobuf',
      Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(100_000, 0x0a)]),
      400,
      /./,
    ],
    [
      'compressed JSON, which nobody unpacks',
      'application/json',
      gzipSync(Buffer.alloc(50 << 20, ' ')),
      400,
      /json parse error/,
    ],
  ];
  for (const [what, type, bytes, code, message] of bombs)
    it(`refuses ${what}`, async () => {
      const headers = { 'content-type': type, ...(what.startsWith('compressed') && { 'content-encoding': 'gzip' }) };
      const answer = await call('POST', maps, bytes, headers);
      assert.equal(answer.status, code, answer.body.slice(0, 300));
      assert.match(JSON.parse(answer.body).message, message);
    });

  it('ends the work behind a request that has waited too long: nothing is written afterwards', async () => {
    const late = { metadata: { name: 'late' }, data: { v: '2' } };
    await call('POST', maps, JSON.stringify({ ...late, data: { v: '1' } }));
    const open = Promise.withResolvers<void>();
    gate = open.promise;
    const answers = await Promise.all([
      call('POST', `${maps}?timeout=50ms`, JSON.stringify({ metadata: { name: 'never' } })),
      call('PUT', `${maps}/late?timeout=50ms`, JSON.stringify(late)),
      call('DELETE', `${maps}/late?timeout=50ms`),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [504, 504, 504],
    );
    open.resolve();
    gate = Promise.resolve();
    assert.equal((await call('GET', `${maps}/never`)).status, 404);
    assert.equal(JSON.parse((await call('GET', `${maps}/late`)).body).data.v, '1');
  });

  it('refuses a patch that copies what it has copied, over and over', async () => {
    await call('POST', maps, JSON.stringify({ metadata: { name: 'a' }, data: { x: 'y' } }));
    const patch = Array.from({ length: 100 }, (_, i) => ({ op: 'copy', from: '', path: `/data/${i}` }));
    const headers = { 'content-type': 'application/json-patch+json' };
    const { status, body } = await call('PATCH', `${maps}/a`, JSON.stringify(patch), headers);
    assert.equal(status, 413);
    assert.match(JSON.parse(body).message, /the accumulated size increase of copy is \d+, exceeding the limit 3145728/);
  });

  it('answers others while it reads a long YAML body', { timeout: 60_000 }, async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `  k${i}: v${i}`);
    const text = `metadata: {name: long}\ndata:\n${lines.join('\n')}\n`;
    let over = false;
    const long = call('POST', maps, text, { 'content-type': 'application/yaml' }).finally(() => {
      over = true;
    });
    let served = 0;
    while (!over) {
      assert.equal((await call('GET', '/livez')).status, 200);
      served++;
    }
    const { status, body } = await long;
    assert.equal(status, 201, body.slice(0, 300));
    assert.equal(JSON.parse(body).data.k19999, 'v19999');
    assert.ok(served > 1, String(served));
    const broken = await call('POST', maps, `${text}  k: [\n`, { 'content-type': 'application/yaml' });
    assert.equal(broken.status, 400);
    assert.match(JSON.parse(broken.body).message, /^error converting YAML to JSON: yaml: /);
  });

  it('drops a watcher that does not read, and serves the others', { timeout: 60_000 }, async () => {
    const [slow, fast] = [connect(), connect()];
    const target = { ':path': `${maps}?watch=true&resourceVersion=1` };
    const ignored = slow.request(target);
    await once(ignored, 'response');
    const ended = once(ignored, 'close');
    ignored.pause();
    const reading = fast.request(target);
    let seen = 0;
    reading.setEncoding('latin1').on('data', (text: string) => (seen += text.match(/"type":/g)?.length ?? 0));
    const data = { x: 'y'.repeat(1 << 20) };
    const count = 40;
    for (let i = 0; i < count; i++) {
      assert.equal((await call('POST', maps, JSON.stringify({ metadata: { name: `m${i}` }, data }))).status, 201);
      while (seen <= i) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    ignored.resume();
    await ended;
    for (const session of [slow, fast]) session.destroy();
  });

  it('ends well: requests under way finish, watches end, /readyz says no first', async () => {
    const open = Promise.withResolvers<void>();
    gate = open.promise;
    const session = connect();
    const watching = session.request({ ':path': `${maps}?watch=true&resourceVersion=1` });
    watching.resume();
    await once(watching, 'response');
    const local = server.transport({ name: 'ann', groups: [] });
    const readyz = () => local.request({ method: 'GET', path: '/readyz?verbose' });
    assert.equal((await readyz()).status, 200);
    const before = arrived;
    const underWay = call('POST', maps, JSON.stringify({ metadata: { name: 'late' } }));
    await until('it is under way', () => arrived > before);
    const stopped = server.stop();
    await once(watching, 'end');
    const answer = await readyz();
    assert.equal(answer.status, 500);
    assert.match(await answer.text(), /\[-\]shutdown failed: reason withheld\nreadyz check failed/);
    open.resolve();
    assert.equal((await underWay).status, 201);
    await stopped;
    await assert.rejects(call('GET', '/livez'));
    session.destroy();
  });

  it('says how it is, at length and one by one', async () => {
    const verbose = (await call('GET', '/readyz?verbose&exclude=etcd&exclude=none')).body;
    assert.match(verbose, /^\[\+\]ping ok\n\[\+\]etcd excluded: ok\n/);
    assert.match(verbose, /warn: some health checks cannot be excluded: no matches for "none"\nreadyz check passed\n$/);
    assert.doesNotMatch((await call('GET', '/livez?verbose')).body, /shutdown|informer-sync/);
    for (const one of ['/livez/ping', '/readyz/shutdown', '/healthz/etcd', '/readyz/informer-sync'])
      assert.deepEqual((await call('GET', one)).body, 'ok', one);
    assert.equal((await call('GET', '/livez/shutdown')).status, 404);
    const slis = (await call('GET', '/metrics/slis')).body;
    assert.match(slis, /kubernetes_healthcheck\{name="ping",type="livez"\} 1/);
    const session = connect();
    for (const method of ['FOO', 'BAR'])
      await once(session.request({ ':path': '/livez', ':method': method }), 'response');
    session.close();
    for (let i = 0; i < 5; i++) await call('GET', `/api/v1/made-up-${i}`);
    const metrics = (await call('GET', '/metrics')).body;
    assert.doesNotMatch(metrics, /made-up|FOO/);
    assert.match(metrics, /apiserver_request_total\{code="404",component="apiserver",.*resource="",.*\} [5-9]/);
    assert.match(metrics, /apiserver_request_total\{code="200",component="apiserver",.*verb="GET",version=""\} \d+/);
    assert.match(metrics, /apiserver_current_inflight_requests\{request_kind="readOnly"\} 1/);
  });
});
