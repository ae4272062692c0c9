import assert from 'node:assert/strict';
import { CoreV1Api, StorageV1Api, type V1VolumeAttachment } from '@kubernetes/client-node';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { mergePatch, unique, untilNone, updated } from './fixture/api.ts';
import { runLifecycle } from './fixture/cluster-scoped.ts';

const suite = useConformanceCluster();

conformance(
  '[sig-storage] VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment',
  async () => {
    const api = suite.config.makeApiClient(StorageV1Api);
    await runLifecycle(
      {
        create: async () => api.createVolumeAttachment({ body: await attachment() }),
        get: (name) => api.readVolumeAttachment({ name }),
        list: (labelSelector) => api.listVolumeAttachment({ labelSelector }),
        patch: (name, body) => api.patchVolumeAttachment({ name, body }, mergePatch),
        replace: (name, body) => api.replaceVolumeAttachment({ name, body }),
        remove: (name) => api.deleteVolumeAttachment({ name }),
        removeAll: (labelSelector) => api.deleteCollectionVolumeAttachment({ labelSelector }),
      },
      { replacements: 2 },
    );
  },
);

conformance(
  '[sig-storage] VolumeAttachment Conformance should apply changes to a volumeattachment status',
  async () => {
    const api = suite.config.makeApiClient(StorageV1Api);
    const created = await api.createVolumeAttachment({ body: await attachment() });
    const name = created.metadata?.name ?? '';
    const patched = await api.patchVolumeAttachment(
      { name, body: { metadata: { labels: { [name]: 'patched' } } } },
      mergePatch,
    );
    assert.equal(patched.metadata?.labels?.[name], 'patched');
    const read = await api.readVolumeAttachmentStatus({ name });
    assert.equal(read.status?.attached, false);
    const attached = await api.patchVolumeAttachmentStatus({ name, body: { status: { attached: true } } }, mergePatch);
    assert.equal(attached.status?.attached, true);
    const detached = await updated<V1VolumeAttachment>(
      () => api.readVolumeAttachment({ name }),
      (object) => {
        object.status = { ...object.status, attached: false };
      },
      (body) => api.replaceVolumeAttachmentStatus({ name, body }),
    );
    assert.equal(detached.status?.attached, false);
    await api.deleteVolumeAttachment({ name });
    await untilNone(() => api.listVolumeAttachment({ labelSelector: `${name}=patched` }));
  },
);

/** Of a volume and an attacher that are not there, to a node that is. */
async function attachment(): Promise<V1VolumeAttachment> {
  const [node] = (await suite.config.makeApiClient(CoreV1Api).listNode()).items;
  const id = unique('e2e-');
  return {
    metadata: { name: `va-${id}` },
    spec: {
      attacher: 'e2e-test.storage.k8s.io',
      nodeName: node?.metadata?.name ?? '',
      source: { persistentVolumeName: `pv-${id}` },
    },
    status: { attached: false },
  };
}
