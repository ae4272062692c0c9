import { after } from 'node:test';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { refused } from '../fixture/kube.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

conformance(
  '[sig-api-machinery] Servers with support for Table transformation should return a 406 for a backend which does not implement metadata',
  async () => {
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { nonResourceAttributes: { path: '/', verb: 'get' } },
    };
    await refused(
      kube.ask('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        body: review,
        headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
      }),
      406,
    );
  },
);
