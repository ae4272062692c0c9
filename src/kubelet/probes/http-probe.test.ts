import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { probeHttp } from './http-probe.ts';

const server = http.createServer(({ url = '' }, response) => {
  const location = url === '/loop' ? url : new URLSearchParams(url.split('?')[1]).get('to');
  if (location) response.writeHead(302, { location }).end(`see ${location}`);
  else response.writeHead(url === '/ok' ? 200 : 500).end();
});

before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
after(() => new Promise((resolve) => server.close(resolve)));

const probe = (path: string) =>
  probeHttp({ port: (server.address() as AddressInfo).port, path }, { name: 'a' }, '127.0.0.1', 1000);

test('redirects on the same host are followed, others are a success with a warning', async () => {
  assert.deepEqual(await probe('/?to=/ok'), { success: true, output: '' });
  assert.deepEqual(await probe('/?to=/bad'), { success: false, output: 'HTTP probe failed with statuscode: 500' });
  const warned = (to: string) => ({
    success: true,
    warning: true,
    output: `Probe terminated redirects, Response body: see ${to}`,
  });
  assert.deepEqual(await probe('/?to=http://0.0.0.0/'), warned('http://0.0.0.0/'));
  assert.deepEqual(await probe('/?to=http://['), warned('http://['), 'what is no URL ends it, too');
});

test('a loop of redirects fails', async () => {
  const { success, output } = await probe('/loop');
  assert.ok(!success);
  assert.match(output, /^Get "http:.*\/loop": stopped after 10 redirects$/);
});
