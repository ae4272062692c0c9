import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodes } from '../api/resource.ts';
import { nodeIpamController } from './node-ipam.ts';
import { eventually, runInMemory } from './testing.ts';

test('nodes get different ranges, all at once, and what a node brings is respected; none is left in the end', async () => {
  const options = { clusterCidr: '10.64.0.0/20', prefixLength: 22 };
  const { client, told, stop } = await runInMemory([nodeIpamController(options)]);
  const range = async (name: string) => (await client.get(nodes, name)).spec.podCIDR;
  await client.create(nodes, { metadata: { name: 'first' }, spec: { podCIDR: '10.64.0.0/22' } });
  await Promise.all(['a', 'b', 'c'].map((name) => client.create(nodes, { metadata: { name }, spec: {} })));
  await eventually(async () => (await Promise.all(['a', 'b', 'c'].map(range))).every(Boolean));
  const given = (await Promise.all(['a', 'b', 'c'].map(range))).sort();
  assert.deepEqual(given, ['10.64.12.0/22', '10.64.4.0/22', '10.64.8.0/22']);
  assert.deepEqual((await client.get(nodes, 'a')).spec.podCIDRs, [await range('a')]);
  await client.create(nodes, { metadata: { name: 'late' }, spec: {} });
  await eventually(async () => told.includes('Normal CIDRNotAvailable Node late status is now: CIDRNotAvailable'));
  const freed = await range('b');
  await client.delete(nodes, 'b');
  await eventually(async () => (await range('late')) === freed);
  await stop();
});
