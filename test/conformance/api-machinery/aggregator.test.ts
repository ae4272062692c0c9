import assert from 'node:assert/strict';
import { after } from 'node:test';
import type { KubeObject } from '../../../src/api/object.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import type { Place } from '../fixture/kube.ts';
import { apiServiceName, deploySampleApiserver } from '../fixture/sample-apiserver/deploy.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const flunders: Place<KubeObject> = {
  ...{ group: 'wardle.example.com', version: 'v1alpha1', resource: 'flunders', namespaced: true },
};

conformance(
  '[sig-api-machinery] Aggregator Should be able to support the 1.17 Sample API Server using the current Aggregator [LinuxOnly]',
  async () => {
    const namespace = await kube.namespace('aggregator');
    const { apiServices, untilAvailable, remove } = await deploySampleApiserver(kube, namespace);
    await untilAvailable();

    // As the suite's rest client does, then its dynamic client.
    const own = kube.of(flunders, namespace);
    const created = await own.create({ metadata: { name: 'e2e-flunder' } });
    assert.equal(created.kind, 'Flunder');
    const [listed] = (await own.list()).items;
    assert.equal(listed?.metadata.name, 'e2e-flunder');
    await own.delete('e2e-flunder');
    assert.deepEqual((await own.list()).items, []);

    const { groups } = await kube.json<{ groups: { name: string }[] }>('GET', '/apis');
    assert.ok(groups.some(({ name }) => name === 'wardle.example.com'));
    const { resources } = await kube.json<{ resources: { name: string; kind: string }[] }>(
      'GET',
      '/apis/wardle.example.com/v1alpha1',
    );
    assert.equal(resources.find(({ name }) => name === 'flunders')?.kind, 'Flunder');
    await own.create({ metadata: { name: 'dynamic-flunder' } });
    assert.equal((await own.list()).items.length, 1);
    await own.delete('dynamic-flunder');
    assert.equal((await own.list()).items.length, 0);

    const status = await apiServices.get(apiServiceName, 'status');
    assert.equal(status.status?.conditions?.find(({ type }) => type === 'Available')?.status, 'True');
    await apiServices.patch(apiServiceName, 'merge', { spec: { versionPriority: 400 } });
    const { items } = await apiServices.list();
    assert.equal(items.find(({ metadata }) => metadata.name === apiServiceName)?.spec.versionPriority, 400);
    const labelled = await apiServices.change(apiServiceName, (one) => {
      one.metadata.labels = { 'e2e-apiservice': 'patched', [apiServiceName]: 'updated' };
    });
    assert.equal(labelled.metadata.labels?.[apiServiceName], 'updated');

    const condition = { type: 'StatusUpdated', status: 'True', reason: 'E2E', message: 'Set from an e2e test' };
    const updated = await apiServices.change(
      apiServiceName,
      (one) => {
        one.status = { conditions: [...(one.status?.conditions ?? []), condition] };
      },
      'status',
    );
    assert.ok(updated.status?.conditions?.some(({ type, reason }) => type === 'StatusUpdated' && reason === 'E2E'));
    const patched = await apiServices.patch(
      apiServiceName,
      'merge',
      { status: { conditions: [{ ...condition, type: 'StatusPatched' }] } },
      'status',
    );
    assert.ok(patched.status?.conditions?.some(({ type }) => type === 'StatusPatched'));

    await own.create({ metadata: { name: 'e2e-flunder-1' } });
    await own.deleteCollection();
    assert.equal((await own.list()).items.length, 0);
    await apiServices.deleteCollection({ labelSelector: `${apiServiceName}=updated` });
    await apiServices.untilGone(apiServiceName);
    await remove();
  },
);
