import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pods, replicaSets } from '../api/resource.ts';
import { StatusError } from '../api/status-error.ts';
import { replicaSetController } from './replicaset.ts';
import { eventually, runInMemory } from './testing.ts';

const draft = (replicas: number) => ({
  metadata: { name: 'web', namespace: 'x' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  },
});

test('a ReplicaSet keeps its number: it creates, replaces, adopts and removes Pods', async () => {
  const { client, stop } = await runInMemory([replicaSetController]);
  const count = async () => (await client.list(pods)).items.length;
  await client.create(replicaSets, draft(3));
  await eventually(async () => (await count()) === 3);
  const [one] = (await client.list(pods)).items;
  await client.delete(pods, one?.metadata.name ?? '', 'x');
  await eventually(async () => (await count()) === 3);
  await client.create(pods, {
    metadata: { name: 'stray', namespace: 'x', labels: { app: 'web' } },
    spec: { containers: [] },
  });
  await eventually(async () => (await count()) === 3);
  await client.patch(replicaSets, 'web', 'x', { type: 'merge', body: { spec: { replicas: 0 } } });
  await eventually(async () => (await count()) === 0);
  await eventually(async () => (await client.get(replicaSets, 'web', 'x')).status?.replicas === 0);
  await stop();
});

test('a refused creation is told in an Event and in the condition ReplicaFailure', async () => {
  const { client, transport, told, stop } = await runInMemory([replicaSetController]);
  transport.intercept = ({ method, path }) => {
    if (method === 'POST' && path.includes('/pods'))
      throw new StatusError({ code: 403, reason: 'Forbidden', message: 'no quota' });
  };
  await client.create(replicaSets, draft(2));
  await eventually(
    async () => (await client.get(replicaSets, 'web', 'x')).status?.conditions?.[0]?.reason === 'FailedCreate',
  );
  assert.ok(told.includes('Warning FailedCreate Error creating: no quota'));
  await stop();
});
