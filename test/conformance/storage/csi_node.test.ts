import { StorageV1Api } from '@kubernetes/client-node';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { strategicMergePatch, unique } from './fixture/api.ts';
import { runLifecycle } from './fixture/cluster-scoped.ts';

const suite = useConformanceCluster();

conformance('[sig-storage] CSINodes CSI Conformance should run through the lifecycle of a csinode', async () => {
  const api = suite.config.makeApiClient(StorageV1Api);
  await runLifecycle({
    create: () => api.createCSINode({ body: { metadata: { name: unique('e2e-csinode-') }, spec: { drivers: [] } } }),
    get: (name) => api.readCSINode({ name }),
    list: (labelSelector) => api.listCSINode({ labelSelector }),
    patch: (name, body) => api.patchCSINode({ name, body }, strategicMergePatch),
    replace: (name, body) => api.replaceCSINode({ name, body }),
    remove: (name) => api.deleteCSINode({ name }),
    removeAll: (labelSelector) => api.deleteCollectionCSINode({ labelSelector }),
  });
});
