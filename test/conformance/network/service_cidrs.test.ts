import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { IPAddress, ServiceCIDR } from '../../../src/api/generated/networking-v1.ts';
import { builtin, services } from '../../../src/api/resource.ts';
import { discovers } from '../fixture/api-operations.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { refused } from '../fixture/kube.ts';

const cidrs = builtin<ServiceCIDR>('networking.k8s.io', 'v1', 'servicecidrs');
const addresses = builtin<IPAddress>('networking.k8s.io', 'v1', 'ipaddresses');
const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

describe('ServiceCIDR and IPAddress', { concurrency: 2 }, () => {
  conformance('[sig-network] ServiceCIDR and IPAddress API should support ServiceCIDR API operations', async () => {
    await discovers(kube, 'networking.k8s.io', 'v1', ['servicecidrs', 'servicecidrs/status']);
    const all = kube.of(cidrs);
    const { spec: own, status } = await all.get('kubernetes');
    assert.equal(own?.cidrs?.length, 1);
    assert.ok(status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'));

    const name = 'e2e-cidr';
    const labelSelector = 'e2e-cidr=test';
    const watching = await all.watch({ labelSelector });
    await all.create({ metadata: { name, labels: { 'e2e-cidr': 'test' } }, spec: { cidrs: ['198.51.100.0/24'] } });
    await watching.take('ADDED');
    await all.until(name, (object) =>
      object?.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
    );
    assert.equal((await all.list({ labelSelector })).items.length, 1);
    const patched = await all.patch(name, 'merge', { metadata: { annotations: { patched: 'true' } } });
    assert.equal(patched.metadata.annotations?.patched, 'true');
    const updated = await all.change(name, ({ metadata }) => {
      metadata.annotations!.updated = 'true';
    });
    assert.equal(updated.metadata.annotations?.updated, 'true');
    await watching.take('MODIFIED', ({ metadata }) => metadata.annotations?.updated === 'true');
    // What a range is never changes.
    await refused(all.patch(name, 'merge', { spec: { cidrs: ['198.51.101.0/24'] } }), 422);

    const condition = {
      type: 'E2e',
      status: 'True',
      reason: 'E2E',
      message: 'Set by a test',
      lastTransitionTime: '2026-01-02T03:04:05Z',
    };
    const told = await all.change(name, (object) => void object.status!.conditions!.push(condition as never), 'status');
    assert.ok(told.status?.conditions?.some(({ type }) => type === 'E2e'));
    assert.equal((await all.get(name, 'status')).metadata.uid, told.metadata.uid);
    await all.delete(name);
    await all.untilGone(name);
    await watching.take('DELETED');
    watching.stop();

    await all.create({ metadata: { name, labels: { 'e2e-cidr': 'test' } }, spec: { cidrs: ['198.51.102.0/24'] } });
    await all.deleteCollection({ labelSelector });
    await all.untilList(({ items }) => items.length === 0, { labelSelector });
  });

  conformance('[sig-network] ServiceCIDR and IPAddress API should support IPAddress API operations', async () => {
    await discovers(kube, 'networking.k8s.io', 'v1', ['ipaddresses']);
    const all = kube.of(addresses);
    // Each ClusterIP has one, with its Service as the parent.
    const { spec } = await kube.of(services, 'default').get('kubernetes');
    const own = await all.until(spec!.clusterIP!, (address) => address);
    assert.deepEqual(own.spec?.parentRef, { resource: 'services', namespace: 'default', name: 'kubernetes' });
    assert.equal(own.metadata.labels?.['ipaddress.kubernetes.io/ip-family'], 'IPv4');

    const labels = { 'e2e-ip': 'test' };
    const labelSelector = 'e2e-ip=test';
    const parentRef = { group: 'example.com', resource: 'e2es', namespace: 'default', name: 'e2e' };
    const watching = await all.watch({ labelSelector });
    const names = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
    for (const name of names) await all.create({ metadata: { name, labels }, spec: { parentRef } });
    assert.deepEqual(
      (await all.list({ labelSelector })).items.map(({ metadata }) => metadata.name),
      names,
    );
    const [name] = names as [string];
    const patched = await all.patch(name, 'merge', { metadata: { annotations: { patched: 'true' } } });
    assert.equal(patched.metadata.annotations?.patched, 'true');
    const updated = await all.change(name, ({ metadata }) => {
      metadata.annotations!.updated = 'true';
    });
    assert.equal(updated.metadata.annotations?.updated, 'true');
    await watching.take('MODIFIED', ({ metadata }) => metadata.annotations?.updated === 'true');
    await refused(all.patch(name, 'merge', { spec: { parentRef: { name: 'other' } } }), 422);
    await refused(all.create({ metadata: { name: '192.0.2.01', labels }, spec: { parentRef } }), 422);
    await all.delete(name);
    await refused(all.get(name), 404);
    await all.deleteCollection({ labelSelector });
    assert.equal((await all.list({ labelSelector })).items.length, 0);
    watching.stop();
  });
});
