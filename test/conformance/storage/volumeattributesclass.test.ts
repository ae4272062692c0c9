import { StorageV1Api } from '@kubernetes/client-node';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { strategicMergePatch } from './fixture/api.ts';
import { runLifecycle } from './fixture/cluster-scoped.ts';

const suite = useConformanceCluster();

conformance(
  '[sig-storage] VolumeAttributesClass [FeatureGate:VolumeAttributesClass] should run through the lifecycle of a VolumeAttributesClass',
  async () => {
    const api = suite.config.makeApiClient(StorageV1Api);
    const body = { driverName: 'e2e-fake-csi-driver', parameters: { foo: 'bar' } };
    await runLifecycle({
      create: () => api.createVolumeAttributesClass({ body: { metadata: { generateName: 'e2e-' }, ...body } }),
      get: (name) => api.readVolumeAttributesClass({ name }),
      list: (labelSelector) => api.listVolumeAttributesClass({ labelSelector }),
      patch: (name, change) => api.patchVolumeAttributesClass({ name, body: change }, strategicMergePatch),
      replace: (name, object) => api.replaceVolumeAttributesClass({ name, body: object }),
      remove: (name) => api.deleteVolumeAttributesClass({ name }),
      removeAll: (labelSelector) => api.deleteCollectionVolumeAttributesClass({ labelSelector }),
    });
  },
);
