import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { Pod, Service, ServiceSpec } from '../../../src/api/generated/core-v1.ts';
import { endpoints, nodes, pods, replicaSets, services } from '../../../src/api/resource.ts';
import { until } from '../../cluster/fixture/until.ts';
import { type AskingPod, askingPod } from '../fixture/asking.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { type Objects, refused, type Sketch } from '../fixture/kube.ts';
import { netexec, template } from '../fixture/workloads.ts';

const suite = await startConformanceCluster();
const { cluster, kube } = suite;
after(() => cluster.delete());

const nodeAddress = (await kube.of(nodes).list()).items[0]!.status!.addresses!.find(
  ({ type }) => type === 'InternalIP',
)!.address;

async function space() {
  const namespace = await kube.namespace('services');
  return { namespace, own: kube.of(services, namespace), inside: kube.of(pods, namespace) };
}

/** Replicas of a Pod that answers on 8080, all of them ready; their names. */
async function servers(namespace: string, app: string, replicas: number): Promise<string[]> {
  await kube.of(replicaSets, namespace).create({
    metadata: { name: app },
    spec: { replicas, selector: { matchLabels: { app } }, template: template({ app }, netexec()) },
  });
  const { items } = await kube
    .of(pods, namespace)
    .untilList(
      (list) =>
        list.items.length === replicas && list.items.every(({ status }) => status?.containerStatuses?.[0]?.ready),
      { labelSelector: `app=${app}` },
    );
  return items.map(({ metadata }) => metadata.name).sort();
}

const service = (name: string, spec: Sketch<ServiceSpec>): Sketch<Service> => ({
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
});

const nodePortOf = ({ spec }: Service) => spec!.ports![0]!.nodePort!;
const places = (made: Service) =>
  made.spec?.type === 'NodePort'
    ? [`${made.spec.clusterIP}:80`, `${nodeAddress}:${nodePortOf(made)}`]
    : [`${made.spec?.clusterIP}:80`];

/** One client is always answered by the same Pod. */
async function expectAffinity(client: AskingPod, place: string): Promise<void> {
  await until(`${place} answers`, async () => (await client.answers(`${place}/hostname`, 1)).length === 1);
  const names = await client.answers(`${place}/hostname`, 15);
  assert.equal(names.length, 15);
  assert.equal(new Set(names).size, 1, `${place}: ${names}`);
}

async function affinity(type: 'ClusterIP' | 'NodePort', switching: boolean): Promise<void> {
  const { namespace, own } = await space();
  const name = `affinity-${type.toLowerCase()}`;
  const made = await own.create(service(name, { type, sessionAffinity: 'ClientIP' }));
  assert.equal(made.spec?.sessionAffinityConfig?.clientIP?.timeoutSeconds, 10_800);
  const names = await servers(namespace, name, 3);
  const client = await askingPod(suite, namespace);
  // The client's first answer on each way decides; a switch off makes all answer.
  const place = places(made).at(-1)!;
  if (switching) {
    const set = (sessionAffinity: 'None' | 'ClientIP') =>
      own.change(name, ({ spec }) => {
        spec!.sessionAffinity = sessionAffinity;
      });
    await expectAffinity(client, place);
    await set('None');
    await client.untilAnswered(`${place}/hostname`, names);
    await set('ClientIP');
    await until('one Pod answers', async () => new Set(await client.answers(`${place}/hostname`, 15)).size === 1);
  }
  await expectAffinity(client, place);
}

async function expectEndpoints(namespace: string, name: string, expected: Record<string, number[]>): Promise<void> {
  const shown = (
    object: { subsets?: { addresses?: { targetRef?: { name?: string } }[]; ports?: { port: number }[] }[] } | undefined,
  ) => {
    const found: Record<string, number[]> = {};
    for (const { addresses = [], ports = [] } of object?.subsets ?? [])
      for (const { targetRef } of addresses)
        found[targetRef!.name!] = [...(found[targetRef!.name!] ?? []), ...ports.map(({ port }) => port)].sort();
    return found;
  };
  const sorted = (found: Record<string, number[]>) => JSON.stringify(Object.entries(found).sort());
  await kube.of(endpoints, namespace).until(name, (object) => sorted(shown(object)) === sorted(expected));
}

/** A Pod with these container ports, ready. */
async function endpointPod(
  inside: Objects<Pod>,
  name: string,
  ports: object[],
  args: string[] = ['netexec'],
): Promise<void> {
  const container = netexec({ args, ports: ports as never });
  await inside.create({
    metadata: { name, labels: { name, app: 'endpoint-test' } },
    spec: template({}, container).spec,
  });
  await inside.until(name, (pod) => pod?.status?.containerStatuses?.[0]?.ready);
}

describe('services', { concurrency: 4 }, () => {
  conformance('[sig-network] Services should serve a basic endpoint from pods', async () => {
    const { namespace, own, inside } = await space();
    const name = 'endpoint-test2';
    const made = await own.create({
      metadata: { name },
      spec: { selector: { app: 'endpoint-test' }, ports: [{ port: 80, targetPort: 8080 }] },
    });
    await expectEndpoints(namespace, name, {});
    const client = await askingPod(suite, namespace);
    const url = `${made.spec!.clusterIP}/hostname`;
    const ports = [{ containerPort: 8080 }];
    await endpointPod(inside, 'pod1', ports);
    await expectEndpoints(namespace, name, { pod1: [8080] });
    await client.untilAnswered(url, ['pod1']);
    await endpointPod(inside, 'pod2', ports);
    await expectEndpoints(namespace, name, { pod1: [8080], pod2: [8080] });
    await client.untilAnswered(url, ['pod1', 'pod2']);
    await inside.delete('pod1', { gracePeriodSeconds: 0 });
    await expectEndpoints(namespace, name, { pod2: [8080] });
    await client.untilAnswered(url, ['pod2']);
    await inside.delete('pod2', { gracePeriodSeconds: 0 });
    await expectEndpoints(namespace, name, {});
  });

  conformance('[sig-network] Services should serve multiport endpoints from pods', async () => {
    const { namespace, own, inside } = await space();
    const name = 'multi-endpoint-test';
    const made = await own.create({
      metadata: { name },
      spec: {
        selector: { app: 'endpoint-test' },
        ports: [
          { name: 'portname1', port: 80, targetPort: 'svc1-port' },
          { name: 'portname2', port: 81, targetPort: 'svc2-port' },
        ],
      },
    });
    await expectEndpoints(namespace, name, {});
    const client = await askingPod(suite, namespace);
    const listen = (port: number) => ['netexec', `--http-port=${port}`, `--udp-port=-1`];
    const probe = (port: number) => ({ httpGet: { path: '/healthz', port }, periodSeconds: 1, timeoutSeconds: 30 });
    const create = async (pod: string, portName: string, port: number) => {
      const container = netexec({
        args: listen(port),
        ports: [{ name: portName, containerPort: port }],
        readinessProbe: probe(port),
      });
      await inside.create({
        metadata: { name: pod, labels: { app: 'endpoint-test' } },
        spec: template({}, container).spec,
      });
    };
    await create('pod1', 'svc1-port', 100);
    await expectEndpoints(namespace, name, { pod1: [100] });
    await create('pod2', 'svc2-port', 101);
    await expectEndpoints(namespace, name, { pod1: [100], pod2: [101] });
    await client.untilAnswered(`${made.spec!.clusterIP}:80/hostname`, ['pod1']);
    await client.untilAnswered(`${made.spec!.clusterIP}:81/hostname`, ['pod2']);
    await inside.delete('pod1', { gracePeriodSeconds: 0 });
    await expectEndpoints(namespace, name, { pod2: [101] });
    await inside.delete('pod2', { gracePeriodSeconds: 0 });
    await expectEndpoints(namespace, name, {});
  });

  conformance('[sig-network] Services should serve endpoints on same port and different protocols', async () => {
    const { namespace, own, inside } = await space();
    const name = 'multiprotocol-test';
    const ports = [
      { name: 'tcp-port', port: 80, targetPort: 8080, protocol: 'TCP' as const },
      { name: 'udp-port', port: 80, targetPort: 8080, protocol: 'UDP' as const },
    ];
    const made = await own.create({ metadata: { name }, spec: { selector: { app: 'endpoint-test' }, ports } });
    assert.deepEqual(
      made.spec?.ports?.map(({ port, protocol }) => [port, protocol]),
      [
        [80, 'TCP'],
        [80, 'UDP'],
      ],
    );
    await endpointPod(
      inside,
      'pod1',
      [
        { containerPort: 8080, protocol: 'TCP' },
        { containerPort: 8080, protocol: 'UDP' },
      ],
      ['netexec', '--http-port=8080', '--udp-port=8080'],
    );
    await expectEndpoints(namespace, name, { pod1: [8080, 8080] });
    const client = await askingPod(suite, namespace, 'execpod', template({}, netexec()).spec);
    const dial = async (protocol: string) => {
      const url = `localhost:8080/dial?request=hostname&protocol=${protocol}&host=${made.spec!.clusterIP}&port=80&tries=1`;
      return (await client.run(`curl -s -m 8 "http://${url}"`)).trim();
    };
    for (const protocol of ['http', 'udp'])
      await until(`an answer over ${protocol}`, async () => (await dial(protocol)) === '{"responses":["pod1"]}');
    // A protocol that is taken away is not served any more; the other is.
    await own.change(name, ({ spec }) => {
      spec!.ports = spec!.ports!.filter(({ protocol }) => protocol === 'TCP');
    });
    await until('no answer over UDP', async () => /errors/.test(await dial('udp')));
    assert.equal(await dial('http'), '{"responses":["pod1"]}');
  });

  conformance('[sig-network] Services should be able to create a functioning NodePort service', async () => {
    const { namespace, own } = await space();
    const name = 'nodeport-test';
    const made = await own.create(service(name, { type: 'NodePort' }));
    const names = await servers(namespace, name, 2);
    const client = await askingPod(suite, namespace);
    for (const place of [...places(made), `${name}:80`]) await client.untilAnswered(`${place}/hostname`, names);
  });

  conformance('[sig-network] Services should be able to change the type from ExternalName to ClusterIP', async () => {
    const { namespace, own } = await space();
    const name = 'externalname-service';
    await own.create({ metadata: { name }, spec: { type: 'ExternalName', externalName: 'foo.example.com' } });
    const names = await servers(namespace, name, 2);
    const made = await own.change(name, ({ spec }) => {
      Object.assign(spec!, { type: 'ClusterIP', externalName: '', selector: { app: name } });
      spec!.ports = [{ port: 80, name: 'http', targetPort: 8080 }];
    });
    const client = await askingPod(suite, namespace);
    for (const place of [name, made.spec!.clusterIP]) await client.untilAnswered(`${place}/hostname`, names);
  });

  conformance('[sig-network] Services should be able to change the type from ExternalName to NodePort', async () => {
    const { namespace, own } = await space();
    const name = 'nodeport-service';
    await own.create({ metadata: { name }, spec: { type: 'ExternalName', externalName: 'foo.example.com' } });
    const names = await servers(namespace, name, 2);
    const made = await own.change(name, ({ spec }) => {
      Object.assign(spec!, { type: 'NodePort', externalName: '', selector: { app: name } });
      spec!.ports = [{ port: 80, name: 'http', targetPort: 8080 }];
    });
    assert.ok(nodePortOf(made) >= 30_000);
    const client = await askingPod(suite, namespace);
    for (const place of [name, ...places(made)]) await client.untilAnswered(`${place}/hostname`, names);
  });

  for (const type of ['ClusterIP', 'NodePort'] as const) {
    const change = async () => {
      const { namespace, own } = await space();
      const [name, target] = [`${type.toLowerCase()}-service`, 'externalsvc'];
      await own.create(service(name, { type }));
      const behind = await own.create(service(target, {}));
      await servers(namespace, target, 2);
      const host = `${target}.${namespace}.svc.cluster.local`;
      const made = await own.change(name, ({ spec }) => {
        spec!.type = 'ExternalName';
        spec!.externalName = host;
      });
      assert.equal(made.spec?.clusterIP, undefined);
      assert.equal(made.spec?.ports?.[0]?.nodePort, undefined);
      const client = await askingPod(suite, namespace);
      await client.untilResolved(name, [behind.spec!.clusterIP!]);
      assert.match(
        await client.records('cname', `${name}.${namespace}.svc.cluster.local`),
        new RegExp(`canonical name = ${host}`),
      );
    };
    if (type === 'ClusterIP')
      conformance('[sig-network] Services should be able to change the type from ClusterIP to ExternalName', change);
    else conformance('[sig-network] Services should be able to change the type from NodePort to ExternalName', change);
  }

  conformance(
    '[sig-network] Services should have session affinity work for service with type clusterIP [LinuxOnly]',
    () => affinity('ClusterIP', false),
  );

  conformance(
    '[sig-network] Services should be able to switch session affinity for service with type clusterIP [LinuxOnly]',
    () => affinity('ClusterIP', true),
  );

  conformance('[sig-network] Services should have session affinity work for NodePort service [LinuxOnly]', () =>
    affinity('NodePort', false),
  );

  conformance('[sig-network] Services should be able to switch session affinity for NodePort service [LinuxOnly]', () =>
    affinity('NodePort', true),
  );

  conformance('[sig-network] Services should find a service from listing all namespaces', async () => {
    const { items } = await kube.of(services).list();
    assert.ok(items.some(({ metadata }) => metadata.name === 'kubernetes' && metadata.namespace === 'default'));
  });

  conformance('[sig-network] Services should complete a service status lifecycle', async () => {
    const { own } = await space();
    const name = 'test-service';
    const labelSelector = 'test-service-static=true';
    const watching = await own.watch({ labelSelector });
    await own.create({
      metadata: { name, labels: { 'test-service-static': 'true' } },
      spec: { type: 'LoadBalancer', ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 80 }] },
    });
    await watching.take('ADDED');
    const listed = (await kube.of(services).list({ labelSelector })).items;
    assert.deepEqual(
      listed.map(({ metadata }) => metadata.name),
      [name],
    );
    assert.equal((await own.get(name, 'status')).metadata.uid, listed[0]!.metadata.uid);
    const ingress = [{ ip: '203.0.113.1' }];
    const patched = await own.patch(
      name,
      'merge',
      { metadata: { annotations: { patchedstatus: 'true' } }, status: { loadBalancer: { ingress } } },
      'status',
    );
    assert.deepEqual(
      patched.status?.loadBalancer?.ingress?.map(({ ip }) => ip),
      ['203.0.113.1'],
    );
    await watching.take('MODIFIED', ({ metadata }) => metadata.annotations?.patchedstatus === 'true');

    const condition = {
      type: 'StatusUpdate',
      status: 'True',
      reason: 'E2E',
      message: 'Set from e2e test',
      lastTransitionTime: '2026-01-02T03:04:05Z',
    };
    const updated = await own.change(
      name,
      ({ status }) => void Object.assign(status!, { conditions: [...(status?.conditions ?? []), condition] }),
      'status',
    );
    assert.ok(updated.status?.conditions?.some(({ type }) => type === 'StatusUpdate'));
    await watching.take('MODIFIED', ({ status }) => status?.conditions?.some(({ type }) => type === 'StatusUpdate'));
    await own.patch(name, 'strategic', { metadata: { labels: { 'test-service': 'patched' } } });
    await watching.take('MODIFIED', ({ metadata }) => metadata.labels?.['test-service'] === 'patched');
    await own.delete(name);
    await watching.take('DELETED');
    await refused(own.get(name), 404);
    watching.stop();
  });

  conformance('[sig-network] Services should delete a collection of services', async () => {
    const { own } = await space();
    for (const [name, label] of [
      ['e2e-svc-a', 'e2e-svc'],
      ['e2e-svc-b', 'e2e-svc'],
      ['e2e-svc-c', 'other'],
    ] as const)
      await own.create({
        metadata: { name, labels: { testservice: label } },
        spec: { ports: [{ name: 'http', port: 8000, targetPort: 80 }] },
      });
    await own.deleteCollection({ labelSelector: 'testservice=e2e-svc' });
    const { items } = await own.list();
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      ['e2e-svc-c'],
    );
  });
});
