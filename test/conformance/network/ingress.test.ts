import assert from 'node:assert/strict';
import { after } from 'node:test';
import type { Ingress } from '../../../src/api/generated/networking-v1.ts';
import { builtin } from '../../../src/api/resource.ts';
import { discovers, exerciseOperations } from '../fixture/api-operations.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

conformance('[sig-network] Ingress API should support creating Ingress API operations', async () => {
  await discovers(kube, 'networking.k8s.io', 'v1', ['ingresses', 'ingresses/status']);
  const objects = kube.of(builtin<Ingress>('networking.k8s.io', 'v1', 'ingresses'), await kube.namespace('ingress'));
  const backend = { service: { name: 'test-backend', port: { number: 8080 } } };
  const path = (text: string, pathType: 'Prefix') => ({ path: text, pathType, backend });
  await exerciseOperations({
    objects,
    template: {
      metadata: { generateName: 'e2e-example-ing' },
      spec: {
        defaultBackend: { service: { name: 'default-backend', port: { name: 'a' } } },
        rules: [
          { host: 'foo.bar.com', http: { paths: [path('/', 'Prefix')] } },
          { host: 'bar.baz.com', http: { paths: [path('/foo', 'Prefix'), path('/bar', 'Prefix')] } },
        ],
        tls: [{ hosts: ['foo.bar.com'], secretName: 'tls' }],
      },
    },
    async subresources({ metadata: { name } }) {
      const patched = await objects.patch(
        name,
        'merge',
        {
          metadata: { annotations: { patchedstatus: 'true' } },
          status: { loadBalancer: { ingress: [{ ip: '169.1.1.1' }] } },
        },
        'status',
      );
      assert.deepEqual(patched.status?.loadBalancer?.ingress, [{ ip: '169.1.1.1' }]);
      assert.equal(patched.metadata.annotations?.patchedstatus, 'true');
      const ingress = [{ ip: '169.1.1.2' }];
      const updated = await objects.change(
        name,
        (object) => void Object.assign(object, { status: { loadBalancer: { ingress } } }),
        'status',
      );
      assert.deepEqual(updated.status?.loadBalancer?.ingress, ingress);
      assert.equal((await objects.get(name, 'status')).metadata.uid, updated.metadata.uid);
    },
  });
});
