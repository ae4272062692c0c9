import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodes, services } from '../api/resource.ts';
import { controlPlaneNodeController } from './control-plane-node.ts';
import { ipAddresses, serviceIpAddressesController } from './service-ip-addresses.ts';
import { eventually, runInMemory } from './testing.ts';

test('each ClusterIP has an IPAddress, as long as its Service has it', async () => {
  const { client, stop } = await runInMemory([serviceIpAddressesController]);
  const names = async () => (await client.list(ipAddresses)).items.map(({ metadata }) => metadata.name).sort();
  const service = (name: string, ...clusterIPs: string[]) =>
    client.create(services, { metadata: { name, namespace: 'x' }, spec: { clusterIPs } });
  await service('a', '10.0.0.1');
  await service('headless', 'None');
  await service('b', '10.0.0.2', 'fd00::2');
  await eventually(async () => (await names()).join() === '10.0.0.1,10.0.0.2,fd00::2');
  const { metadata, spec } = await client.get(ipAddresses, 'fd00::2');
  assert.equal(metadata.labels?.['ipaddress.kubernetes.io/ip-family'], 'IPv6');
  assert.deepEqual(spec.parentRef, { resource: 'services', namespace: 'x', name: 'b' });
  // One that is taken away comes back.
  await client.delete(ipAddresses, '10.0.0.1');
  await eventually(async () => (await names()).includes('10.0.0.1'));
  const other = { parentRef: { group: 'example.com', resource: 'others', name: 'a' } };
  await client.create(ipAddresses, { metadata: { name: '10.0.0.9' }, spec: other });
  await client.delete(services, 'b', 'x');
  await client.patch(services, 'a', 'x', { type: 'merge', body: { spec: { type: 'ExternalName' } } });
  await eventually(async () => (await names()).join() === '10.0.0.9');
  await stop();
});

test('the node beside the control plane says so, another does not', async () => {
  const { client, stop } = await runInMemory([controlPlaneNodeController('own')]);
  for (const name of ['other', 'own']) await client.create(nodes, { metadata: { name }, spec: {} });
  const labels = async (name: string) => (await client.get(nodes, name)).metadata.labels ?? {};
  await eventually(async () => 'node-role.kubernetes.io/control-plane' in (await labels('own')));
  assert.deepEqual(await labels('other'), {});
  await stop();
});
