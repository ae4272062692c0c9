import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import fc from 'fast-check';
import type { Pod } from '../../src/api/generated/core-v1.ts';
import { pods } from '../../src/api/resource.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { fuzz } from '../../src/base/testing/fuzz.ts';
import { FakeCluster, FakeEvents, FakeNetwork } from '../../src/kubelet/fake-node.ts';
import { FakeRuntime } from '../../src/kubelet/fake-runtime.ts';
import { createKubelet, type Kubelet } from '../../src/kubelet/kubelet.ts';
import { HeaderWriter } from '../../src/kubelet/server/spdy/header-block.ts';
import { selfSigned } from '../../src/kubelet/testing/self-signed.ts';
import { FakeLinux } from '../../src/linux/fake.ts';
import { clusterPaths } from '../../src/paths.ts';

const port = 38_000 + (process.pid % 1000);
const client = { key: selfSigned.key, cert: selfSigned.cert, ca: selfSigned.cert };
let root: string;
let kubelet: Kubelet;

before(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'fuzz-streams-'));
  const runtime = new FakeRuntime();
  runtime.images.add('httpd');
  const cluster = new FakeCluster();
  kubelet = createKubelet({
    ...{ client: cluster, informers: cluster, events: new FakeEvents(), runtime, network: new FakeNetwork(), port },
    ...{
      linux: new FakeLinux(),
      clock: systemClock,
      log: silentLogger,
      nodeName: 'n',
      version: '1.2.3',
      nodeAddress: '127.0.0.1',
    },
    tls: { ...selfSigned, clientCa: selfSigned.cert },
    plan: { dnsServiceIp: '10.96.0.10' },
    paths: clusterPaths('test', root),
  });
  await kubelet.start();
  await kubelet.whenReady();
  cluster.put(pods, {
    metadata: { name: 'web', namespace: 'default', uid: 'u' },
    spec: { nodeName: 'n', containers: [{ name: 'main', image: 'httpd' }] },
  } as unknown as Pod);
  while (runtime.running('main').length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
});
after(async () => {
  await kubelet.stop();
  await rm(root, { recursive: true, force: true });
});

/** An uncaught error anywhere fails the test by itself; whoever survived still answers. */
async function isWell(): Promise<void> {
  const [response] = await once(
    https.get({ host: '127.0.0.1', port, path: '/healthz', agent: false, ...client }),
    'response',
  );
  response.resume();
  assert.equal(response.statusCode, 200);
}

/** Upgrades, sends all that, and waits until the other side has closed or has had enough time to choke. */
async function converse(head: string[], messages: Buffer[]): Promise<void> {
  const socket = tls.connect({ host: '127.0.0.1', port, ...client });
  socket.on('error', () => {});
  socket.write(`${[...head, 'Host: x', 'Connection: Upgrade'].join('\r\n')}\r\n\r\n`);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await Promise.race([new Promise((resolve) => socket.once('data', resolve)), closed]);
  socket.resume();
  for (const message of messages) if (!socket.destroyed) socket.write(message);
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 5))]);
  socket.destroy();
}

const websocket = (target: string, protocol: string) => [
  ...[`GET ${target} HTTP/1.1`, 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
  ...[`Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`, `Sec-WebSocket-Protocol: ${protocol}`],
];
const spdy = (target: string, version: string) => [
  ...[`POST ${target} HTTP/1.1`, 'Upgrade: SPDY/3.1', `X-Stream-Protocol-Version: ${version}`],
];

/** A WebSocket frame with a mask of zeros (RFC 6455 section 5.2). */
function frame(opcode: number, payload: Uint8Array): Buffer {
  const length =
    payload.length < 126
      ? Buffer.of(0x80 | payload.length)
      : Buffer.of(0x80 | 126, payload.length >> 8, payload.length & 255);
  return Buffer.concat([Buffer.of(0x80 | opcode), length, Buffer.alloc(4), payload]);
}

const bytes = fc.uint8Array({ maxLength: 300 });
const channelMessage = fc
  .tuple(
    fc.constantFrom(0, 1, 2, 3, 4, 5, 255),
    fc.oneof(
      bytes,
      fc.constantFrom('{"Width":1e9,"Height":-1}', 'null', '\0').map((text) => Buffer.from(text)),
    ),
  )
  .map(([channel, payload]) => frame(2, Buffer.concat([Buffer.of(channel), payload])));
const anyFrame = fc
  .tuple(fc.constantFrom(0, 1, 2, 8, 9, 10, 3, 15), bytes)
  .map(([opcode, payload]) => frame(opcode, payload));
const webSocketMessages = fc.array(
  fc.oneof(
    channelMessage,
    anyFrame,
    bytes.map((all) => Buffer.from(all)),
  ),
  { maxLength: 8 },
);

const control = fc
  .tuple(fc.constantFrom(1, 2, 3, 4, 6, 7, 8, 9, 99), fc.nat(255), bytes)
  .map(([kind, flags, body]) =>
    Buffer.concat([Buffer.of(0x80, 3, 0, kind, flags, 0, body.length >> 8, body.length & 255), body]),
  );
const data = fc
  .tuple(fc.constantFrom(0, 1, 3, 5), fc.nat(255), bytes)
  .map(([id, flags, body]) =>
    Buffer.concat([Buffer.of(0, 0, 0, id, flags, 0, body.length >> 8, body.length & 255), body]),
  );
const spdyMessages = fc.array(
  fc.oneof(
    control,
    data,
    bytes.map((all) => Buffer.from(all)),
  ),
  { maxLength: 8 },
);
const options = fuzz(100);

describe('whatever comes over a stream, the kubelet goes on', () => {
  const command = '/exec/default/web/main?command=cat&input=1&output=1&error=1';
  for (const [target, protocol] of [
    [command, 'v5.channel.k8s.io'],
    [command, 'v4.base64.channel.k8s.io'],
    [`${command}&tty=1`, 'channel.k8s.io'],
    ['/portForward/default/web?ports=1', 'v4.channel.k8s.io'],
    ['/portForward/default/web', 'SPDY/3.1+portforward.k8s.io'],
  ] as const)
    it(`WebSocket, ${protocol}, ${target.split('/')[1]}`, async () => {
      const check = (messages: Buffer[]) => converse(websocket(target, protocol), messages);
      await fc.assert(fc.asyncProperty(webSocketMessages, check), options);
      await isWell();
    });

  for (const [target, version] of [
    [command, 'v4.channel.k8s.io'],
    ['/portForward/default/web', 'portforward.k8s.io'],
  ] as const)
    it(`SPDY, ${version}`, async () => {
      const check = async (messages: Buffer[], opened: Record<string, string>) => {
        // Half of them get as far as a stream.
        const block = await new HeaderWriter().write(Object.entries(opened));
        const open = Buffer.concat([
          Buffer.of(0x80, 3, 0, 1, 0, 0, 0, 10 + block.length, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0),
          block,
        ]);
        await converse(spdy(target, version), [open, ...messages]);
      };
      const type = fc.constantFrom('error', 'stdin', 'stdout', 'stderr', 'resize', 'data', 'x');
      const opened = fc.record({
        streamtype: type,
        port: fc.constantFrom('1', '0', '-1', 'x'),
        requestid: fc.constantFrom('0', ''),
      });
      await fc.assert(fc.asyncProperty(spdyMessages, opened, check), options);
      await isWell();
    });

  it('any upgrade and any path', async () => {
    const target = fc
      .array(
        fc.constantFrom(
          'exec',
          'attach',
          'portForward',
          'run',
          'default',
          'web',
          'main',
          '..',
          '%2e%2e',
          '%00',
          '%',
          '?command=a',
        ),
        { maxLength: 6 },
      )
      .map((parts) => `/${parts.join('/')}`);
    const upgrade = fc.constantFrom('websocket', 'SPDY/3.1', 'h2c', 'x');
    const check = (to: string, by: string) => converse([`GET ${to} HTTP/1.1`, `Upgrade: ${by}`], []);
    await fc.assert(fc.asyncProperty(target, upgrade, check), options);
    await isWell();
  });
});
