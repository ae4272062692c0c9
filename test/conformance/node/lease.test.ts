import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { CoordinationV1Api, type V1LeaseSpec, V1MicroTime } from '@kubernetes/client-node';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { refused, strategicMergePatch, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();

const spec = (
  holder: string,
  seconds: number,
  acquired: number,
  renewed: number,
  transitions: number,
): V1LeaseSpec => ({
  holderIdentity: holder,
  leaseDurationSeconds: seconds,
  acquireTime: new V1MicroTime(acquired * 1000),
  renewTime: new V1MicroTime(renewed * 1000),
  leaseTransitions: transitions,
});
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

describe('Lease', () => {
  conformance('[sig-node] Lease lease API should be available', async () => {
    const { name: namespace } = await testNamespace(suite, 'lease');
    const leases = suite.config.makeApiClient(CoordinationV1Api);
    const name = 'lease';
    const expectSpec = async (expected: V1LeaseSpec) =>
      assert.deepEqual(plain((await leases.readNamespacedLease({ namespace, name })).spec), plain(expected));

    const first = spec('holder', 30, 2, 5, 0);
    const created = await leases.createNamespacedLease({ namespace, body: { metadata: { name }, spec: first } });
    await expectSpec(first);

    const second = spec('holder2', 30, 20, 50, 1);
    await leases.replaceNamespacedLease({ namespace, name, body: { ...created, spec: second } });
    await expectSpec(second);

    const third = spec('holder3', 60, 50, 70, 2);
    await leases.patchNamespacedLease({ namespace, name, body: plain({ spec: third }) }, strategicMergePatch);
    await expectSpec(third);

    const labels = { deletecollection: 'true' };
    await leases.createNamespacedLease({ namespace, body: { metadata: { name: 'lease2', labels }, spec: first } });
    const names = async () =>
      (await leases.listNamespacedLease({ namespace })).items.map(({ metadata }) => metadata?.name);
    assert.deepEqual(await names(), ['lease', 'lease2']);

    await leases.deleteCollectionNamespacedLease({ namespace, labelSelector: 'deletecollection=true' });
    assert.deepEqual(await names(), ['lease']);

    await leases.deleteNamespacedLease({ namespace, name });
    await refused(leases.readNamespacedLease({ namespace, name }), 404);
    await leases.listLeaseForAllNamespaces();
  });
});
