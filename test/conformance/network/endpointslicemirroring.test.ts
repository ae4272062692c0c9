import assert from 'node:assert/strict';
import { after } from 'node:test';
import { endpointSlices, endpoints, services } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

conformance(
  '[sig-network] EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete',
  async () => {
    const namespace = await kube.namespace('endpointslicemirroring');
    const [slices, own] = [kube.of(endpointSlices, namespace), kube.of(endpoints, namespace)];
    const name = 'example-custom-endpoints';
    const labelSelector = `kubernetes.io/service-name=${name}`;
    await kube.of(services, namespace).create({
      metadata: { name },
      spec: { ports: [{ name: 'example', port: 80, protocol: 'TCP' }] },
    });
    const subsets = (ip: string) => [{ ports: [{ port: 80 }], addresses: [{ ip }] }];
    const untilMirrored = async (ip: string) => {
      const { items } = await slices.untilList(
        (list) => list.items.length === 1 && list.items[0]!.endpoints?.[0]?.addresses[0] === ip,
        { labelSelector },
      );
      const [slice] = items;
      assert.deepEqual(
        slice!.ports?.map(({ port }) => port),
        [80],
      );
      assert.deepEqual(
        slice!.endpoints?.map(({ addresses }) => addresses),
        [[ip]],
      );
      assert.equal(
        slice!.metadata.labels?.['endpointslice.kubernetes.io/managed-by'],
        'endpointslicemirroring-controller.k8s.io',
      );
    };
    await own.create({ metadata: { name }, subsets: subsets('10.1.2.3') });
    await untilMirrored('10.1.2.3');
    await own.change(name, (object) => {
      object.subsets = subsets('10.2.3.4');
    });
    await untilMirrored('10.2.3.4');
    await own.delete(name);
    await slices.untilList(({ items }) => items.length === 0, { labelSelector });
  },
);
