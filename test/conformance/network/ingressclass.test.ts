import { after } from 'node:test';
import type { IngressClass } from '../../../src/api/generated/networking-v1.ts';
import { builtin } from '../../../src/api/resource.ts';
import { discovers, exerciseOperations } from '../fixture/api-operations.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

conformance('[sig-network] IngressClass API should support creating IngressClass API operations', async () => {
  await discovers(kube, 'networking.k8s.io', 'v1', ['ingressclasses']);
  await exerciseOperations({
    objects: kube.of(builtin<IngressClass>('networking.k8s.io', 'v1', 'ingressclasses')),
    template: { metadata: { generateName: 'ingressclass' }, spec: { controller: 'example.com/controller' } },
  });
});
