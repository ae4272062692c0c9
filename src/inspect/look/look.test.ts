import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readSnapshot } from '../snapshot.ts';
import { containerId, snapshotOf, webHost, webObjects } from '../testing.ts';
import { look } from './look.ts';
import { parseTarget, type Target } from './target.ts';

const web = () => snapshotOf(webHost(), webObjects([{ name: 'web-1-a', containerId: containerId('a') }]));

const targets: [text: string, meaning: Target][] = [
  ['4711', { type: 'number', number: 4711 }],
  ['4026531840', { type: 'namespace', inode: 4026531840 }],
  ['net:[4026531840]', { type: 'namespace', inode: 4026531840, kind: 'net' }],
  [':80', { type: 'port', port: 80 }],
  ['udp:53', { type: 'port', port: 53, protocol: 'udp' }],
  ['53/udp', { type: 'port', port: 53, protocol: 'udp' }],
  ['127.0.0.1:6443', { type: 'port', port: 6443, address: '127.0.0.1' }],
  ['[::1]:80', { type: 'port', port: 80, address: '::1' }],
  ['10.1.2.3', { type: 'address', address: '10.1.2.3' }],
  ['/run/x.sock', { type: 'path', path: '/run/x.sock' }],
  ['svc/web', { type: 'object', kind: 'Service', name: 'web' }],
  ['docker.io/library', { type: 'word', word: 'docker.io/library' }],
  ['redis:7', { type: 'word', word: 'redis:7' }],
  ['socket:[77]', { type: 'socket', inode: 77 }],
  ['nginx:1.25', { type: 'word', word: 'nginx:1.25' }],
  ['0123abcd', { type: 'word', word: '0123abcd' }],
];

test('a word is understood as what it looks like', () => {
  for (const [text, meaning] of targets) assert.deepEqual({ ...parseTarget(text) }, meaning, text);
});

test('a process is shown with all above it: Service, Deployment, ReplicaSet, Pod, container, parent', () => {
  const [found] = look('13', web());
  assert.deepEqual(
    found?.above.map(({ text }) => text.replace(/ \(.*/, '')),
    [
      'Service default/web',
      'Deployment default/web',
      'ReplicaSet default/web-1',
      'Pod default/web-1-a',
      'container httpd',
      `process 10 conmon --api-version 1 --cid ${containerId('a')}`,
      'process 11 httpd -DFOREGROUND',
    ],
  );
});

test('containers are found by id, by name and by image; objects by kind and name; namespaces by inode', () => {
  for (const word of [
    containerId('a').slice(0, 12),
    'httpd',
    'httpd:latest',
    'web-1-a',
    'pod/web-1-a',
    'svc/web',
    '50',
  ])
    assert.ok(look(word === '50' ? 'net:50' : word, web()).length > 0, word);
  assert.deepEqual(look('nothing-of-that-name', web()), []);
});

test('a name finds every object that has it; a Pod says what of it does not run', () => {
  const seen = snapshotOf(
    webHost(),
    webObjects([{ name: 'web-1-a', containerId: containerId('a') }, { name: 'web-1-b' }]),
  );
  const [service, deployment, ...more] = look('web', seen);
  assert.deepEqual([service?.title, deployment?.title, more], ['Service default/web', 'Deployment default/web', []]);
  const fact = (name: string) => service?.facts.find((one) => one.name === name)?.value;
  assert.deepEqual(
    [fact('load balancer'), fact('made of')],
    ['10.2.0.1', '2 Pods, 1 container, 4 processes, 56 threads'],
  );
  assert.deepEqual(
    look('web-1-b', seen)[0]?.below.map(({ text }) => text),
    ['container httpd   waiting: ImagePullBackOff'],
  );
});

test('on this host: a listening port, who holds it, and an open file', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const file = path.join(os.tmpdir(), `vitrine-look-${process.pid}`);
  const fd = fs.openSync(file, 'w');
  try {
    const snapshot = await readSnapshot();
    const { port } = server.address() as net.AddressInfo;
    const [socket] = look(`:${port}`, snapshot);
    assert.equal(socket?.title, `tcp socket 127.0.0.1:${port} LISTEN`);
    assert.match(socket.below[0]!.text, new RegExp(`^process ${process.pid} `));
    const [opened] = look(file, snapshot);
    assert.ok(
      opened?.below.some(({ text }) => text.startsWith(`process ${process.pid} `) && text.includes(`fd ${fd}`)),
    );
    assert.equal(look(String(process.pid), snapshot)[0]?.type, 'process');
  } finally {
    server.close();
    fs.closeSync(fd);
    fs.rmSync(file);
  }
});
