import assert from 'node:assert/strict';
import { CoreV1Api, StorageV1Api, type V1CSIDriver } from '@kubernetes/client-node';
import { testImage } from '../../cluster/fixture/image.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { mergePatch, refused, strategicMergePatch, unique, updated } from './fixture/api.ts';

const suite = useConformanceCluster();

conformance('[sig-storage] CSIInlineVolumes should support CSIVolumeSource in Pod API', async () => {
  const { name: namespace } = await suite.cluster.space('csi-inline');
  const api = suite.config.makeApiClient(CoreV1Api);
  const name = 'pod-csi-inline-volumes';
  const driver = 'e2e.example.com';
  const body = {
    metadata: { name },
    spec: {
      volumes: [
        { name: 'csi-inline-vol1', csi: { driver } },
        { name: 'csi-inline-vol2', csi: { driver, fsType: 'ext4', readOnly: true } },
      ],
      containers: [
        {
          name,
          image: testImage,
          command: ['sh', '-c', 'ls /mnt/*'],
          volumeMounts: [
            { name: 'csi-inline-vol1', mountPath: '/mnt/vol1' },
            { name: 'csi-inline-vol2', mountPath: '/mnt/vol2' },
          ],
        },
      ],
    },
  };
  const created = await api.createNamespacedPod({ namespace, body });
  await refused(409, api.createNamespacedPod({ namespace, body }));
  const read = await api.readNamespacedPod({ namespace, name });
  assert.equal(read.metadata?.uid, created.metadata?.uid);
  const { driver: ofSecond, fsType, readOnly } = read.spec?.volumes?.[1]?.csi ?? {};
  assert.deepEqual([ofSecond, fsType, readOnly], [driver, 'ext4', true]);
  assert.equal((await api.listNamespacedPod({ namespace })).items.length, 1);
  const annotate = { metadata: { annotations: { patched: 'true' } } };
  const patched = await api.patchNamespacedPod({ namespace, name, body: annotate }, mergePatch);
  assert.equal(patched.metadata?.annotations?.patched, 'true');
  await api.deleteNamespacedPod({ namespace, name });
  await goneOrGoing(() => api.readNamespacedPod({ namespace, name }));
});

conformance('[sig-storage] CSIInlineVolumes should run through the lifecycle of a CSIDriver', async () => {
  const api = suite.config.makeApiClient(StorageV1Api);
  const labels = { 'e2e-test': unique('csiinlinevolumes-') };
  const labelSelector = `e2e-test=${labels['e2e-test']}`;
  const driver = (volumeLifecycleModes: string[]): V1CSIDriver => ({
    metadata: { name: unique('inline-driver-'), labels },
    spec: { volumeLifecycleModes, fsGroupPolicy: 'ReadWriteOnceWithFSType' },
  });
  const [ephemeral, both] = [driver(['Ephemeral']), driver(['Persistent', 'Ephemeral'])];
  const created = [await api.createCSIDriver({ body: ephemeral }), await api.createCSIDriver({ body: both })];
  await refused(409, api.createCSIDriver({ body: ephemeral }));
  for (const { metadata } of created)
    assert.equal((await api.readCSIDriver({ name: metadata?.name ?? '' })).metadata?.uid, metadata?.uid);
  const [first = '', second = ''] = created.map(({ metadata }) => metadata?.name);

  const body = { metadata: { labels: { [second]: 'patched' } } };
  const patched = await api.patchCSIDriver({ name: second, body }, strategicMergePatch);
  assert.equal(patched.metadata?.labels?.[second], 'patched');
  const relabelled = await updated<V1CSIDriver>(
    () => api.readCSIDriver({ name: second }),
    (object) => {
      object.metadata = { ...object.metadata, labels: { ...object.metadata?.labels, [second]: 'updated' } };
    },
    (object) => api.replaceCSIDriver({ name: second, body: object }),
  );
  assert.equal(relabelled.metadata?.labels?.[second], 'updated');
  assert.equal((await api.listCSIDriver({ labelSelector })).items.length, 2);

  await api.deleteCSIDriver({ name: first });
  await goneOrGoing(() => api.readCSIDriver({ name: first }));
  await api.deleteCollectionCSIDriver({ labelSelector: `${second}=updated` });
  await goneOrGoing(() => api.readCSIDriver({ name: second }));
});

async function goneOrGoing(read: () => Promise<{ metadata?: { deletionTimestamp?: unknown } }>): Promise<void> {
  const left = await read().catch((error) => refused(404, Promise.reject(error)));
  if (left) assert.ok(left.metadata?.deletionTimestamp);
}
