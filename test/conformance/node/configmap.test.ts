import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { busybox, podOf, refused, strategicMergePatch, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();
const data = { 'data-1': 'value-1', 'data-2': 'value-2', 'data-3': 'value-3' };
const envData = { data_1: 'value-1', data_2: 'value-2', data_3: 'value-3' };

describe('ConfigMap', { concurrency: 4 }, () => {
  conformance('[sig-node] ConfigMap should be consumable via environment variable [NodeConformance]', async () => {
    const namespace = await testNamespace(suite);
    await namespace.core.createNamespacedConfigMap({
      namespace: namespace.name,
      body: { metadata: { name: 'settings' }, data },
    });
    const valueFrom = { configMapKeyRef: { name: 'settings', key: 'data-1' } };
    const container = busybox(['env'], { env: [{ name: 'CONFIG_DATA_1', valueFrom }] });
    assert.match(await namespace.output(podOf('reader', container)), /^CONFIG_DATA_1=value-1$/m);
  });

  conformance('[sig-node] ConfigMap should be consumable via the environment [NodeConformance]', async () => {
    const namespace = await testNamespace(suite);
    await namespace.core.createNamespacedConfigMap({
      namespace: namespace.name,
      body: { metadata: { name: 'settings' }, data: envData },
    });
    const configMapRef = { name: 'settings' };
    const envFrom = [{ configMapRef }, { prefix: 'p_', configMapRef }];
    const lines = (await namespace.output(podOf('reader', busybox(['env'], { envFrom })))).split('\n');
    for (const [key, value] of Object.entries(envData))
      for (const prefix of ['', 'p_']) assert.ok(lines.includes(`${prefix}${key}=${value}`), lines.join('\n'));
  });

  conformance(
    '[sig-node] ConfigMap should be consumable as environment variable names with various prefixes',
    async () => {
      const namespace = await testNamespace(suite);
      await namespace.core.createNamespacedConfigMap({
        namespace: namespace.name,
        body: { metadata: { name: 'settings' }, data },
      });
      const configMapRef = { name: 'settings' };
      const envFrom = [{ configMapRef }, { prefix: 'p-', configMapRef }];
      const lines = (await namespace.output(podOf('reader', busybox(['env'], { envFrom })))).split('\n');
      for (const [key, value] of Object.entries(data))
        for (const prefix of ['', 'p-']) assert.ok(lines.includes(`${prefix}${key}=${value}`), lines.join('\n'));
    },
  );

  conformance('[sig-node] ConfigMap should fail to create ConfigMap with empty key', async () => {
    const { core, name: namespace } = await testNamespace(suite);
    const body = { metadata: { name: 'empty-key' }, data: { '': 'value-1' } };
    await refused(core.createNamespacedConfigMap({ namespace, body }), 422);
  });

  conformance('[sig-node] ConfigMap should update ConfigMap successfully [NodeConformance]', async () => {
    const { core, name: namespace } = await testNamespace(suite);
    const created = await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'settings' }, data } });
    const body = { ...created, data: { data: 'value' } };
    await core.replaceNamespacedConfigMap({ namespace, name: 'settings', body });
    assert.deepEqual((await core.readNamespacedConfigMap({ namespace, name: 'settings' })).data, { data: 'value' });
  });

  conformance('[sig-node] ConfigMap should run through a ConfigMap lifecycle', async () => {
    const { core, name: namespace } = await testNamespace(suite);
    const labels = { 'test-configmap-static': 'true' };
    const labelSelector = 'test-configmap-static=true';
    const name = 'test-configmap';
    await core.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name, labels }, data: { valueName: 'value' } },
    });
    const read = await core.readNamespacedConfigMap({ namespace, name });
    assert.deepEqual([read.data, read.metadata?.labels], [{ valueName: 'value' }, labels]);

    const body = { metadata: { labels: { 'test-configmap': 'patched' } }, data: { valueName: 'value1' } };
    await core.patchNamespacedConfigMap({ namespace, name, body }, strategicMergePatch);
    const list = await core.listConfigMapForAllNamespaces({ labelSelector });
    const found = list.items.find(({ metadata }) => metadata?.name === name && metadata.namespace === namespace);
    assert.equal(found?.data?.valueName, 'value1');
    assert.deepEqual(found?.metadata?.labels, { ...labels, 'test-configmap': 'patched' });

    await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector });
    const left = await core.listNamespacedConfigMap({ namespace, labelSelector });
    assert.deepEqual(left.items, []);
  });
});
