import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { CoreV1Api, type V1PersistentVolume, type V1PersistentVolumeClaim } from '@kubernetes/client-node';
import { persistentVolumeClaims, persistentVolumes } from '../../../src/api/resource.ts';
import { untilObject } from '../../cluster/fixture/until.ts';
import { type ConformanceCluster, startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { mergePatch, strategicMergePatch, unique, untilNone, updated } from './fixture/api.ts';

let suite: ConformanceCluster;
let api: CoreV1Api;
before(async () => {
  suite = await startConformanceCluster();
  api = suite.config.makeApiClient(CoreV1Api);
});
after(() => suite?.cluster.delete());

conformance(
  '[sig-storage] PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC',
  async () => {
    const { name: namespace } = await suite.cluster.space('lifecycle');
    const labels = { e2e: unique('pv-') };
    const labelSelector = `e2e=${labels.e2e}`;
    const { volume, claim } = await bound(namespace, labels);

    assert.equal((await api.listPersistentVolume({ labelSelector })).items.length, 1);
    assert.equal((await api.listNamespacedPersistentVolumeClaim({ namespace })).items.length, 1);
    const body = (name: string) => ({ metadata: { labels: { [name]: 'patched' } } });
    const patchedVolume = await api.patchPersistentVolume({ name: volume, body: body(volume) }, strategicMergePatch);
    assert.equal(patchedVolume.metadata?.labels?.[volume], 'patched');
    const patchedClaim = await api.patchNamespacedPersistentVolumeClaim(
      { namespace, name: claim, body: body(claim) },
      strategicMergePatch,
    );
    assert.equal(patchedClaim.metadata?.labels?.[claim], 'patched');
    const readVolume = await api.readPersistentVolume({ name: volume });
    const readClaim = await api.readNamespacedPersistentVolumeClaim({ namespace, name: claim });
    assert.equal(readVolume.metadata?.uid, patchedVolume.metadata?.uid);
    assert.equal(readClaim.metadata?.uid, patchedClaim.metadata?.uid);
    assert.equal(readClaim.spec?.volumeName, volume);
    assert.equal(readVolume.spec?.claimRef?.uid, readClaim.metadata?.uid);

    await api.deleteNamespacedPersistentVolumeClaim({ namespace, name: claim });
    await untilNone(() => api.listNamespacedPersistentVolumeClaim({ namespace, labelSelector: `${claim}=patched` }));
    await api.deletePersistentVolume({ name: volume });
    await untilNone(() => api.listPersistentVolume({ labelSelector: `${volume}=patched` }));

    const again = await bound(namespace, labels);
    const relabelledVolume = await updated<V1PersistentVolume>(
      () => api.readPersistentVolume({ name: again.volume }),
      (object) => relabel(object, again.volume),
      (object) => api.replacePersistentVolume({ name: again.volume, body: object }),
    );
    assert.equal(relabelledVolume.metadata?.labels?.[again.volume], 'updated');
    const relabelledClaim = await updated<V1PersistentVolumeClaim>(
      () => api.readNamespacedPersistentVolumeClaim({ namespace, name: again.claim }),
      (object) => relabel(object, again.claim),
      (object) => api.replaceNamespacedPersistentVolumeClaim({ namespace, name: again.claim, body: object }),
    );
    assert.equal(relabelledClaim.metadata?.labels?.[again.claim], 'updated');

    const ofClaim = `${again.claim}=updated`;
    const everywhere = await api.listPersistentVolumeClaimForAllNamespaces({ labelSelector: ofClaim });
    assert.deepEqual(
      everywhere.items.map(({ metadata }) => metadata?.name),
      [again.claim],
    );
    await api.deleteCollectionNamespacedPersistentVolumeClaim({ namespace, labelSelector: ofClaim });
    await untilNone(() => api.listNamespacedPersistentVolumeClaim({ namespace, labelSelector: ofClaim }));
    const ofVolume = `${again.volume}=updated`;
    await api.deleteCollectionPersistentVolume({ labelSelector: ofVolume });
    await untilNone(() => api.listPersistentVolume({ labelSelector: ofVolume }));
  },
);

conformance('[sig-storage] PersistentVolumes CSI Conformance should apply changes to a pv/pvc status', async () => {
  const { name: namespace } = await suite.cluster.space('status');
  const { volume, claim } = await bound(namespace, { e2e: unique('pv-') });

  const claimBefore = await api.readNamespacedPersistentVolumeClaimStatus({ namespace, name: claim });
  assert.equal(claimBefore.status?.phase, 'Bound');
  const volumeBefore = await api.readPersistentVolumeStatus({ name: volume });
  assert.equal(volumeBefore.status?.phase, 'Bound');

  const condition = { type: 'StatusPatched', status: 'True', reason: 'E2E patchStatus', message: 'Set from e2e test' };
  const patchedClaim = await api.patchNamespacedPersistentVolumeClaimStatus(
    { namespace, name: claim, body: { status: { conditions: [condition] } } },
    mergePatch,
  );
  assert.ok(
    patchedClaim.status?.conditions?.some(
      ({ type, reason }) => type === 'StatusPatched' && reason === 'E2E patchStatus',
    ),
  );
  const patchedVolume = await api.patchPersistentVolumeStatus(
    { name: volume, body: { status: { message: 'StatusPatched', reason: 'E2E patchStatus' } } },
    mergePatch,
  );
  assert.equal(patchedVolume.status?.message, 'StatusPatched');
  assert.equal(patchedVolume.status?.reason, 'E2E patchStatus');

  const updatedClaim = await updated<V1PersistentVolumeClaim>(
    () => api.readNamespacedPersistentVolumeClaim({ namespace, name: claim }),
    (object) => {
      const own = { type: 'StatusUpdate', status: 'True', reason: 'E2E updateStatus', message: 'Set from e2e test' };
      object.status = { ...object.status, conditions: [...(object.status?.conditions ?? []), own] };
    },
    (object) => api.replaceNamespacedPersistentVolumeClaimStatus({ namespace, name: claim, body: object }),
  );
  assert.ok(
    updatedClaim.status?.conditions?.some(
      ({ type, reason }) => type === 'StatusUpdate' && reason === 'E2E updateStatus',
    ),
  );
  const updatedVolume = await updated<V1PersistentVolume>(
    () => api.readPersistentVolume({ name: volume }),
    (object) => {
      object.status = { ...object.status, message: 'StatusUpdated', reason: 'E2E updateStatus' };
    },
    (object) => api.replacePersistentVolumeStatus({ name: volume, body: object }),
  );
  assert.equal(updatedVolume.status?.message, 'StatusUpdated');
  assert.equal(updatedVolume.status?.reason, 'E2E updateStatus');
  assert.equal(updatedVolume.status?.phase, 'Bound');

  await api.deleteNamespacedPersistentVolumeClaim({ namespace, name: claim });
  await untilNone(() => api.listNamespacedPersistentVolumeClaim({ namespace }));
  await api.deletePersistentVolume({ name: volume });
  await untilNone(() => api.listPersistentVolume({ fieldSelector: `metadata.name=${volume}` }));
});

/** A volume of a driver that nobody serves, and a claim, bound to each other through a class that nobody else has. */
async function bound(namespace: string, labels: Record<string, string>): Promise<{ volume: string; claim: string }> {
  const names = { volume: unique('pv-e2e-'), claim: unique('pvc-e2e-') };
  const common = { accessModes: ['ReadWriteOnce'], storageClassName: unique('class-') };
  await api.createPersistentVolume({
    body: {
      metadata: { name: names.volume, labels },
      spec: {
        ...common,
        capacity: { storage: '2Gi' },
        persistentVolumeReclaimPolicy: 'Retain',
        csi: { driver: 'e2e-driver', volumeHandle: 'e2e-conformance' },
      },
    },
  });
  await api.createNamespacedPersistentVolumeClaim({
    namespace,
    body: { metadata: { name: names.claim, labels }, spec: { ...common, resources: { requests: { storage: '2Gi' } } } },
  });
  const { client } = suite.cluster;
  await untilObject(
    client,
    persistentVolumeClaims,
    namespace,
    names.claim,
    (claim) => claim?.status?.phase === 'Bound',
  );
  await untilObject(client, persistentVolumes, undefined, names.volume, (volume) => volume?.status?.phase === 'Bound');
  return names;
}

function relabel(object: V1PersistentVolume | V1PersistentVolumeClaim, name: string): void {
  object.metadata = { ...object.metadata, labels: { ...object.metadata?.labels, [name]: 'updated' } };
}
