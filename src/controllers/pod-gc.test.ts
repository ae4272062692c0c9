import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodes, pods } from '../api/resource.ts';
import { FakeClock } from '../base/clock.ts';
import { podGcController } from './pod-gc.ts';
import { eventually, runInMemory } from './testing.ts';

const draft = (name: string, nodeName: string) => ({
  metadata: { name, namespace: 'x' },
  spec: { nodeName, containers: [] },
});

test('Pods of a node that nobody knows have 40 seconds in which it may turn up', async () => {
  const clock = new FakeClock();
  const { client, stop } = await runInMemory([podGcController], clock);
  const names = async () => (await client.list(pods)).items.map(({ metadata }) => metadata.name).sort();
  /** Lets the controller do what is due. */
  const pass = async (ms: number) => {
    clock.advance(ms);
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await client.create(pods, draft('early', 'late') as never);
  await client.create(pods, draft('lost', 'never') as never);
  await pass(1000);
  await pass(30_000);
  await client.create(nodes, { metadata: { name: 'late' } } as never);
  assert.deepEqual(await names(), ['early', 'lost']);
  await pass(8_000);
  assert.deepEqual(await names(), ['early', 'lost']);
  for (let i = 0; i < 5; i++) await pass(1000);
  await eventually(async () => (await names()).join() === 'early');
  await client.delete(nodes, 'late');
  await pass(1000);
  await pass(30_000);
  assert.deepEqual(await names(), ['early']);
  for (let i = 0; i < 12; i++) await pass(1000);
  await eventually(async () => (await names()).length === 0);
  await stop();
});
