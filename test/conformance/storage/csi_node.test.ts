import { after, before } from 'node:test';
import { StorageV1Api } from '@kubernetes/client-node';
import { type ConformanceCluster, startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { strategicMergePatch, unique } from './fixture/api.ts';
import { runLifecycle } from './fixture/cluster-scoped.ts';

let suite: ConformanceCluster;
before(async () => {
  suite = await startConformanceCluster();
});
after(() => suite?.cluster.delete());

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
