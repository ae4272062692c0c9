import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { EndpointSlice } from '../../../src/api/generated/discovery-v1.ts';
import { endpointSlices, endpoints, pods, services } from '../../../src/api/resource.ts';
import { until } from '../../cluster/fixture/until.ts';
import { discovers, exerciseOperations } from '../fixture/api-operations.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import type { Objects } from '../fixture/kube.ts';
import { netexec, pause, template } from '../fixture/workloads.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const ofService = (name: string) => ({ labelSelector: `kubernetes.io/service-name=${name}` });

describe('EndpointSlice', { concurrency: 4 }, () => {
  conformance('[sig-network] EndpointSlice should support creating EndpointSlice API operations', async () => {
    await discovers(kube, 'discovery.k8s.io', 'v1', ['endpointslices']);
    await exerciseOperations({
      objects: kube.of(endpointSlices, await kube.namespace('endpointslice')),
      template: {
        metadata: { generateName: 'e2e-example-ing' },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['1.2.3.4', '5.6.7.8'] }],
      },
    });
  });

  conformance(
    '[sig-network] EndpointSlice should create and delete EndpointSlices for a Service with a selector that matches no pods',
    async () => {
      const namespace = await kube.namespace('endpointslice');
      const slices = kube.of(endpointSlices, namespace);
      const name = 'example-empty-selector';
      const { metadata } = await kube.of(services, namespace).create({
        metadata: { name },
        spec: { selector: { 'does-not-match-anything': 'true' }, ports: [{ name: 'example', port: 80 }] },
      });
      const { items } = await slices.untilList((list) => list.items.length === 1, ofService(name));
      const [slice] = items as [EndpointSlice];
      assert.deepEqual(slice.endpoints, []);
      assert.equal(
        slice.metadata.labels?.['endpointslice.kubernetes.io/managed-by'],
        'endpointslice-controller.k8s.io',
      );
      assert.equal(slice.metadata.ownerReferences?.[0]?.uid, metadata.uid);
      await kube.of(services, namespace).delete(name);
      await slices.untilList((list) => list.items.length === 0, ofService(name));
      await kube.of(endpoints, namespace).untilGone(name);
    },
  );

  conformance(
    '[sig-network] EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service',
    async () => {
      const namespace = await kube.namespace('endpointslice');
      const [slices, inside, own] = [
        kube.of(endpointSlices, namespace),
        kube.of(pods, namespace),
        kube.of(services, namespace),
      ];
      const pod = (name: string, containerPort: number) => ({
        metadata: { name, labels: { [name]: 'true', both: 'true' } },
        spec: template({}, pause({ ports: [{ name: 'example-name', containerPort }] })).spec,
      });
      await inside.create(pod('pod1', 3000));
      await inside.create(pod('pod2', 3001));
      for (const [name, selector, targetPort] of [
        ['example-int-port', 'pod1', 3000],
        ['example-named-port', 'both', 'example-name'],
        ['example-no-match', 'pod1', 8765],
      ] as const)
        await own.create({
          metadata: { name },
          spec: {
            selector: { [selector]: 'true' },
            publishNotReadyAddresses: true,
            ports: [{ name: 'example', port: 80, targetPort }],
          },
        });
      await expectEndpoints(slices, 'example-int-port', [['pod1', 3000]]);
      // Pods whose port of that name differs are in slices of their own.
      await expectEndpoints(slices, 'example-named-port', [
        ['pod1', 3000],
        ['pod2', 3001],
      ]);
      await expectEndpoints(slices, 'example-no-match', [['pod1', 8765]]);
      const { subsets } = await kube
        .of(endpoints, namespace)
        .until('example-int-port', (object) => object?.subsets?.[0]?.addresses?.length);
      assert.equal(subsets?.[0]?.addresses?.[0]?.targetRef?.name, 'pod1');
    },
  );

  conformance(
    '[sig-network] EndpointSlice should support a Service with multiple ports specified in multiple EndpointSlices',
    async () => {
      const { namespace, addresses } = await servers(2);
      await headService(namespace, [
        { name: 'portname1', port: 80 },
        { name: 'portname2', port: 8090 },
      ]);
      const slices = kube.of(endpointSlices, namespace);
      for (const [i, name] of ['portname1', 'portname2'].entries())
        await slices.create(sliceOf(`custom-${name}`, [addresses[i]!], [{ name, port: 8080, protocol: 'TCP' }]));
      const { spec } = await kube.of(services, namespace).get(custom);
      await answers(namespace, spec!.clusterIP!, 80, ['server-0']);
      await answers(namespace, spec!.clusterIP!, 8090, ['server-1']);
    },
  );

  conformance(
    '[sig-network] EndpointSlice should support a Service with multiple endpoint IPs specified in multiple EndpointSlices',
    async () => {
      const { namespace, addresses } = await servers(2);
      await headService(namespace, [{ name: 'portname1', port: 80 }]);
      const slices = kube.of(endpointSlices, namespace);
      for (const [i, address] of addresses.entries())
        await slices.create(sliceOf(`custom-${i}`, [address], [{ name: 'portname1', port: 8080, protocol: 'TCP' }]));
      const { spec } = await kube.of(services, namespace).get(custom);
      await answers(namespace, spec!.clusterIP!, 80, ['server-0', 'server-1']);
    },
  );
});

async function expectEndpoints(slices: Objects<EndpointSlice>, service: string, expected: [string, number][]) {
  const found = ({ items }: { items: EndpointSlice[] }) =>
    items
      .flatMap(({ endpoints, ports }) => endpoints!.map(({ targetRef }) => [targetRef?.name, ports?.[0]?.port]))
      .sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
  const list = await slices.untilList((list) => found(list).length === expected.length, ofService(service));
  assert.deepEqual(found(list), expected);
}

const custom = 'example-custom-endpoints';

function sliceOf(name: string, addresses: string[], ports: NonNullable<EndpointSlice['ports']>) {
  return {
    metadata: {
      name,
      labels: {
        'kubernetes.io/service-name': custom,
        'endpointslice.kubernetes.io/managed-by': 'e2e-test.example.com',
      },
    },
    addressType: 'IPv4' as const,
    endpoints: addresses.map((address) => ({ addresses: [address] })),
    ports,
  };
}

/** A Service without a selector: its endpoints are whatever slices say. */
const headService = (namespace: string, ports: { name: string; port: number }[]) =>
  kube.of(services, namespace).create({ metadata: { name: custom }, spec: { ports } });

/** Pods that answer on 8080 with their name, and one to ask from. */
async function servers(count: number) {
  const namespace = await kube.namespace('endpointslice');
  const inside = kube.of(pods, namespace);
  const addresses: string[] = [];
  for (let i = 0; i < count; i++)
    await inside.create({ metadata: { name: `server-${i}` }, spec: template({}, netexec()).spec });
  await inside.create({ metadata: { name: 'client' }, spec: template({}).spec });
  for (let i = 0; i < count; i++) {
    const { status } = await inside.until(`server-${i}`, (pod) => pod?.status?.containerStatuses?.[0]?.ready);
    addresses.push(status!.podIP!);
  }
  await inside.until('client', (pod) => pod?.status?.phase === 'Running');
  return { namespace, addresses };
}

/** These, and no others, answer on the address. */
async function answers(namespace: string, host: string, port: number, expected: string[]): Promise<void> {
  const script = `for i in $(seq 20); do curl -s -m 3 http://${host}:${port}/hostname && echo; done`;
  await until(`${expected} answer on ${host}:${port}`, async () => {
    const { stdout } = await cluster.tryKubectl(['exec', '-n', namespace, 'client', '--', 'sh', '-c', script]);
    const names = [...new Set(stdout.split('\n').filter(Boolean))].sort();
    return names.join() === expected.join();
  });
}
