import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configMaps, deployments, pods } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import { FakeTransport } from './fake-transport.ts';
import { createClient, pathOf } from './rest.ts';
import { splitLines } from './split-lines.ts';

test('a path holds group, version, namespace, name and subresource', () => {
  assert.equal(pathOf(pods), '/api/v1/pods');
  assert.equal(pathOf(pods, 'a', 'b', 'log'), '/api/v1/namespaces/a/pods/b/log');
  assert.equal(pathOf(deployments, 'a'), '/apis/apps/v1/namespaces/a/deployments');
});

test('objects are created, read, listed with apiVersion and kind, updated, patched and deleted', async () => {
  const transport = new FakeTransport();
  const client = createClient(transport, { fieldManager: 'tester' });
  const created = await client.create(configMaps, { metadata: { name: 'a', namespace: 'x' }, data: { k: '1' } });
  assert.equal(created.kind, 'ConfigMap');
  assert.equal(transport.requests[0], 'POST /api/v1/namespaces/x/configmaps?fieldManager=tester');
  assert.equal((await client.get(configMaps, 'a', 'x')).data?.k, '1');
  const list = await client.list(configMaps, { namespace: 'x' });
  assert.deepEqual([list.items[0]?.apiVersion, list.items[0]?.kind], ['v1', 'ConfigMap']);
  const updated = await client.update(configMaps, { ...created, data: { k: '2' } });
  await assert.rejects(client.update(configMaps, created), (error) => hasReason(error, 'Conflict'));
  const patch = { type: 'merge', body: { data: { j: '3' } } } as const;
  assert.deepEqual((await client.patch(configMaps, 'a', 'x', patch)).data, { ...updated.data, j: '3' });
  await client.delete(configMaps, 'a', 'x', { propagationPolicy: 'Background' });
  await assert.rejects(client.get(configMaps, 'a', 'x'), (error) => hasReason(error, 'NotFound'));
});

test('a watch yields events and throws the Status of an ERROR event', async () => {
  const line = (event: unknown) => `${JSON.stringify(event)}\n`;
  const text =
    line({ type: 'ADDED', object: { metadata: { name: 'ä' } } }) +
    line({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } });
  async function* body() {
    // One byte a chunk: characters and lines are cut everywhere.
    for (const byte of Buffer.from(text)) yield Uint8Array.of(byte);
  }
  const response = { status: 200, headers: {}, body: body(), text: async () => '', json: async () => null };
  const client = createClient({ request: async () => response, close: () => {} });
  const seen: string[] = [];
  await assert.rejects(
    async () => {
      for await (const event of client.watch(pods, {})) {
        if (event.type === 'ADDED') seen.push(event.object.metadata.name);
      }
    },
    (error) => hasReason(error, 'Expired'),
  );
  assert.deepEqual(seen, ['ä']);
});

test('an answer that is no Status becomes an error with its text', async () => {
  const response = {
    status: 503,
    headers: {},
    body: (async function* () {})(),
    text: async () => 'starting\n',
    json: async () => null,
  };
  const client = createClient({ request: async () => response, close: () => {} });
  await assert.rejects(client.get(pods, 'a', 'b'), { message: 'starting', code: 503, reason: 'ServiceUnavailable' });
});

test('lines are split however the chunks are cut', async () => {
  for (const chunks of [['a\nb\n'], ['a', '\nb', '\n'], ['a\n', 'b'], ['\na\n\nb']]) {
    async function* bytes() {
      for (const chunk of chunks) yield Buffer.from(chunk);
    }
    const lines: string[] = [];
    for await (const batch of splitLines(bytes())) lines.push(...batch);
    assert.deepEqual(lines, ['a', 'b'], JSON.stringify(chunks));
  }
});

test('what a server cannot look at now is asked again when it says so', async () => {
  const answer = (status: number, headers: Record<string, string>, body: object) => ({
    ...{ status, headers },
    body: (async function* () {})(),
    text: async () => JSON.stringify(body),
    json: async () => body,
  });
  const answers = [
    answer(429, { 'retry-after': '0' }, {}),
    answer(503, { 'retry-after': '0.01' }, {}),
    answer(200, {}, { metadata: { name: 'a' } }),
    answer(429, {}, { kind: 'Status', code: 429, reason: 'TooManyRequests', message: 'no time given' }),
  ];
  const client = createClient({ request: async () => answers.shift()!, close: () => {} });
  assert.equal((await client.get(configMaps, 'a', 'x')).metadata.name, 'a');
  await assert.rejects(client.get(configMaps, 'a', 'x'), (error) => hasReason(error, 'TooManyRequests'));
  assert.equal(answers.length, 0);
});
