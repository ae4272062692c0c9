import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import { endpointSlices, endpoints, services } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

describe('API server', { concurrency: 2 }, () => {
  conformance('[sig-network] API Server should provide secure master service', async () => {
    const { spec } = await kube.of(services, 'default').get('kubernetes');
    assert.deepEqual(
      spec?.ports?.map(({ name, port, protocol }) => [name, port, protocol]),
      [['https', 443, 'TCP']],
    );
    assert.equal(spec?.type, 'ClusterIP');
  });

  conformance('[sig-network] API Server should have Endpoints and EndpointSlices pointing to API Server', async () => {
    const { subsets = [] } = await kube.of(endpoints, 'default').get('kubernetes');
    const addresses = subsets.flatMap(({ addresses }) => addresses ?? []).map(({ ip }) => ip);
    assert.notEqual(addresses.length, 0);
    const slice = await kube.of(endpointSlices, 'default').get('kubernetes');
    assert.equal(slice.addressType, 'IPv4');
    assert.equal(slice.metadata.labels?.['kubernetes.io/service-name'], 'kubernetes');
    assert.deepEqual(slice.endpoints?.flatMap(({ addresses }) => addresses).sort(), addresses.sort());
    assert.deepEqual(
      slice.ports?.map(({ name, port }) => [name, port]),
      subsets[0]!.ports?.map(({ name, port }) => [name, port]),
    );
    // No slice is mirrored from them.
    const { items } = await kube
      .of(endpointSlices, 'default')
      .list({ labelSelector: 'kubernetes.io/service-name=kubernetes' });
    assert.equal(items.length, 1);
  });
});
