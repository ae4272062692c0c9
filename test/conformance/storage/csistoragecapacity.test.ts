import assert from 'node:assert/strict';
import { ApisApi, StorageApi, StorageV1Api, type V1CSIStorageCapacity, Watch } from '@kubernetes/client-node';
import { until } from '../../cluster/fixture/until.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { mergePatch, refused, unique } from './fixture/api.ts';

const suite = useConformanceCluster();

conformance('[sig-storage] CSIStorageCapacity should support CSIStorageCapacities API operations', async () => {
  const { name: namespace } = await suite.cluster.space('capacity');
  const api = suite.config.makeApiClient(StorageV1Api);
  await isDiscovered(api);

  const test = unique('csc-');
  const labelSelector = `test=${test}`;
  const make = (suffix: string): V1CSIStorageCapacity => ({
    metadata: { name: `${test}-${suffix}`, labels: { test } },
    storageClassName: 'e2e.example.com',
  });
  const list = async () => (await api.listNamespacedCSIStorageCapacity({ namespace, labelSelector })).items;
  const name = `${test}-csc1`;
  const created = await api.createNamespacedCSIStorageCapacity({ namespace, body: make('csc1') });
  await refused(409, api.createNamespacedCSIStorageCapacity({ namespace, body: make('csc1') }));
  await api.createNamespacedCSIStorageCapacity({ namespace, body: make('csc2') });

  const path = '/apis/storage.k8s.io/v1';
  const watches = await Promise.all([
    watchFrom(`${path}/namespaces/${namespace}/csistoragecapacities`, labelSelector),
    watchFrom(`${path}/csistoragecapacities`, labelSelector),
  ]);
  await api.createNamespacedCSIStorageCapacity({ namespace, body: make('csc3') });
  const read = await api.readNamespacedCSIStorageCapacity({ namespace, name });
  assert.equal(read.metadata?.uid, created.metadata?.uid);
  assert.equal((await list()).length, 3);
  assert.equal((await api.listCSIStorageCapacityForAllNamespaces({ labelSelector })).items.length, 3);

  const body = { metadata: { annotations: { patched: 'true' } } };
  const patched = await api.patchNamespacedCSIStorageCapacity({ namespace, name, body }, mergePatch);
  assert.equal(patched.metadata?.annotations?.patched, 'true');
  const annotations = { ...patched.metadata?.annotations, updated: 'true' };
  const updated = await api.replaceNamespacedCSIStorageCapacity({
    ...{ namespace, name },
    body: { ...patched, metadata: { ...patched.metadata, annotations } },
  });
  assert.equal(updated.metadata?.annotations?.updated, 'true');
  for (const { seen, stop } of watches) {
    await until(
      'the watch has told of all changes',
      () => seen.has('added') && seen.has('patched') && seen.has('updated'),
    );
    stop();
  }

  await api.deleteNamespacedCSIStorageCapacity({ namespace, name });
  await refused(404, api.readNamespacedCSIStorageCapacity({ namespace, name }));
  assert.equal((await list()).length, 2);
  await api.deleteCollectionNamespacedCSIStorageCapacity({ namespace, labelSelector });
  assert.deepEqual(await list(), []);
});

async function isDiscovered(api: StorageV1Api): Promise<void> {
  const groups = (await suite.config.makeApiClient(ApisApi).getAPIVersions()).groups;
  const group = groups.find(({ name }) => name === 'storage.k8s.io');
  assert.ok(group?.versions.some(({ version }) => version === 'v1'));
  const own = await suite.config.makeApiClient(StorageApi).getAPIGroup();
  assert.ok(own.versions.some(({ version }) => version === 'v1'));
  const { resources } = await api.getAPIResources();
  const verbs = resources.find(({ name }) => name === 'csistoragecapacities')?.verbs ?? [];
  for (const verb of ['create', 'get', 'list', 'watch', 'update', 'patch', 'delete', 'deletecollection'])
    assert.ok(verbs.includes(verb), verb);
}

/** What a watch that begins now is told of. */
async function watchFrom(path: string, labelSelector: string): Promise<{ seen: Set<string>; stop(): void }> {
  const seen = new Set<string>();
  const told = (type: string, object: V1CSIStorageCapacity) => {
    const { patched, updated } = object.metadata?.annotations ?? {};
    if (type === 'ADDED') seen.add('added');
    else if (type === 'MODIFIED' && updated) seen.add('updated');
    else if (type === 'MODIFIED' && patched) seen.add('patched');
  };
  const controller = await new Watch(suite.config).watch(path, { labelSelector }, told, () => {});
  return { seen, stop: () => controller.abort() };
}
