import { StorageV1Api } from '@kubernetes/client-node';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { strategicMergePatch } from './fixture/api.ts';
import { runLifecycle } from './fixture/cluster-scoped.ts';

const suite = useConformanceCluster();

conformance(
  '[sig-storage] StorageClasses CSI Conformance should run through the lifecycle of a StorageClass',
  async () => {
    const api = suite.config.makeApiClient(StorageV1Api);
    await runLifecycle({
      create: () =>
        api.createStorageClass({ body: { metadata: { generateName: 'e2e-' }, provisioner: 'e2e-fake-provisioner' } }),
      get: (name) => api.readStorageClass({ name }),
      list: (labelSelector) => api.listStorageClass({ labelSelector }),
      patch: (name, body) => api.patchStorageClass({ name, body }, strategicMergePatch),
      replace: (name, body) => api.replaceStorageClass({ name, body }),
      remove: (name) => api.deleteStorageClass({ name }),
      removeAll: (labelSelector) => api.deleteCollectionStorageClass({ labelSelector }),
    });
  },
);
