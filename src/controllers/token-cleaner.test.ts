import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secrets } from '../api/resource.ts';
import { eventually, runInMemory } from './testing.ts';
import { tokenCleanerController } from './token-cleaner.ts';

const encoded = (text: string) => Buffer.from(text).toString('base64');
const token = (id: string, expiration?: string) => ({
  metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
  type: 'bootstrap.kubernetes.io/token',
  data: { 'token-id': encoded(id), ...(expiration && { expiration: encoded(expiration) }) },
});

test('bootstrap tokens go once they have expired, or tell no time; others stay', async () => {
  const { client, stop } = await runInMemory([tokenCleanerController]);
  const soon = new Date(Date.now() + 300).toISOString();
  const later = new Date(Date.now() + 3_600_000).toISOString();
  await client.create(secrets, token('longgo', '2020-01-01T00:00:00Z'));
  await client.create(secrets, token('noises', 'tomorrow'));
  await client.create(secrets, token('sooner', soon));
  await client.create(secrets, token('laters', later));
  await client.create(secrets, token('always'));
  const names = async () => (await client.list(secrets)).items.map(({ metadata }) => metadata.name).sort();
  await eventually(async () => (await names()).length === 2);
  assert.deepEqual(await names(), ['bootstrap-token-always', 'bootstrap-token-laters']);
  await stop();
});
