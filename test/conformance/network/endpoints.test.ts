import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import { endpoints, pods, services } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { refused } from '../fixture/kube.ts';
import { pause, template } from '../fixture/workloads.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

describe('endpoints', { concurrency: 4 }, () => {
  conformance('[sig-network] Endpoints should test the lifecycle of an Endpoint', async () => {
    const namespace = await kube.namespace('endpoints');
    const all = kube.of(endpoints, namespace);
    const name = 'testservice';
    const labelSelector = 'test-endpoint-static=true';
    await kube.of(services, namespace).create({ metadata: { name }, spec: { ports: [{ name: 'http', port: 80 }] } });
    const watching = await all.watch({ labelSelector });
    await all.create({
      metadata: { name, labels: { 'test-endpoint-static': 'true' } },
      subsets: [{ addresses: [{ ip: '10.0.0.24' }], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }],
    });
    await watching.take('ADDED');
    const { items } = await kube.of(endpoints).list({ labelSelector });
    assert.deepEqual(
      items.map(({ metadata }) => [metadata.namespace, metadata.name]),
      [[namespace, name]],
    );

    const updated = await all.change(name, ({ metadata }) => {
      metadata.labels!['test-endpoint'] = 'updated';
    });
    assert.equal(updated.metadata.labels?.['test-endpoint'], 'updated');
    await watching.take('MODIFIED', ({ metadata }) => metadata.labels?.['test-endpoint'] === 'updated');
    await all.patch(name, 'strategic', {
      metadata: { labels: { 'test-endpoint': 'patched' } },
      subsets: [{ addresses: [{ ip: '10.0.0.25' }], ports: [{ name: 'http-test', port: 8080, protocol: 'TCP' }] }],
    });
    await watching.take('MODIFIED', ({ metadata }) => metadata.labels?.['test-endpoint'] === 'patched');
    const { metadata, subsets } = await all.get(name);
    assert.equal(metadata.labels?.['test-endpoint'], 'patched');
    assert.equal(subsets?.length, 1);
    assert.deepEqual(
      subsets?.[0]?.addresses?.map(({ ip }) => ip),
      ['10.0.0.25'],
    );
    assert.deepEqual(subsets?.[0]?.ports, [{ name: 'http-test', port: 8080, protocol: 'TCP' }]);
    await all.deleteCollection({ labelSelector });
    await watching.take('DELETED');
    await refused(all.get(name), 404);
    watching.stop();
  });

  conformance(
    '[sig-network] EndpointsController should create and delete Endpoints for a Service with a selector that matches no pods',
    async () => {
      const namespace = await kube.namespace('endpoints');
      const all = kube.of(endpoints, namespace);
      const name = 'example-empty-selector';
      await kube.of(services, namespace).create({
        metadata: { name },
        spec: {
          selector: { 'does-not-match-anything': 'endpoints-and-endpoint-slices-should-still-be-created' },
          ports: [{ name: 'example', port: 80 }],
        },
      });
      const made = await all.until(name, (object) => object);
      assert.deepEqual(made.subsets ?? [], []);
      assert.equal(made.metadata.labels?.['endpoints.kubernetes.io/managed-by'], 'endpoint-controller');
      await kube.of(services, namespace).delete(name);
      await all.untilGone(name);
    },
  );

  conformance('[sig-network] EndpointsController should create Endpoints for Pods matching a Service', async () => {
    const namespace = await kube.namespace('endpoints');
    const [all, inside, own] = [kube.of(endpoints, namespace), kube.of(pods, namespace), kube.of(services, namespace)];
    const ports = (containerPort: number) => [
      { name: 'example-name', containerPort },
      { containerPort: containerPort + 1 },
    ];
    const pod = (name: string, port: number) => ({
      metadata: { name, labels: { [name]: 'true', both: 'true' } },
      spec: template({}, pause({ ports: ports(port) })).spec,
    });
    await inside.create(pod('pod1', 3000));
    await inside.create(pod('pod2', 3001));
    const create = (name: string, selector: string, targetPort: string | number, publish = false) =>
      own.create({
        metadata: { name },
        spec: {
          selector: { [selector]: 'true' },
          publishNotReadyAddresses: publish,
          ports: [{ name: 'example', port: 80, targetPort }],
        },
      });
    await create('example-int-port', 'pod1', 3000);
    await create('example-named-port', 'both', 'example-name');
    const [pod1, pod2] = [
      await inside.until('pod1', (object) => object?.status?.phase === 'Running'),
      await inside.until('pod2', (object) => object?.status?.phase === 'Running'),
    ];
    const shown = async (name: string, count: number) => {
      const { subsets } = await all.until(
        name,
        (object) => object?.subsets?.flatMap(({ addresses }) => addresses ?? []).length === count,
      );
      return subsets!
        .flatMap(({ addresses, ports }) =>
          addresses!.map(({ ip, targetRef }) => [
            ip,
            targetRef?.kind,
            targetRef?.name,
            ports![0]!.name,
            ports![0]!.port,
          ]),
        )
        .sort((a, b) => (String(a[2]) < String(b[2]) ? -1 : 1));
    };
    const [ip1, ip2] = [pod1.status!.podIP, pod2.status!.podIP];
    assert.deepEqual(await shown('example-int-port', 1), [[ip1, 'Pod', 'pod1', 'example', 3000]]);
    assert.deepEqual(await shown('example-named-port', 2), [
      [ip1, 'Pod', 'pod1', 'example', 3000],
      [ip2, 'Pod', 'pod2', 'example', 3001],
    ]);
    await inside.delete('pod1', { gracePeriodSeconds: 0 });
    assert.deepEqual(await shown('example-named-port', 1), [[ip2, 'Pod', 'pod2', 'example', 3001]]);
    await all.until('example-int-port', (object) => !object?.subsets?.length);
  });
});
