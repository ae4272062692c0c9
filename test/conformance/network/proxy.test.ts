import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { ReplicationController } from '../../../src/api/generated/core-v1.ts';
import { builtin, endpoints, pods, services } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { pause, template } from '../fixture/workloads.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const environment = (values: Record<string, string>) =>
  Object.entries(values).map(([name, value]) => ({ name, value }));
const readinessProbe = { httpGet: { path: '/', port: 80 }, periodSeconds: 1, timeoutSeconds: 30 };

/** A Pod named agnhost that answers on port 80 with the method that it was asked by, and a Service of it. */
async function verbServer(): Promise<{ pod: string; service: string }> {
  const namespace = await kube.namespace('proxy');
  const labels = { test: 'response' };
  const container = pause({
    args: ['porter'],
    env: environment({ SERVE_PORT_80: 'foo' }),
    ports: [{ containerPort: 80, name: 'http' }],
    readinessProbe,
  });
  await kube.of(pods, namespace).create({ metadata: { name: 'agnhost', labels }, spec: template({}, container).spec });
  await kube.of(services, namespace).create({
    metadata: { name: 'e2e-proxy-test-service' },
    spec: { selector: labels, ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }] },
  });
  await kube
    .of(endpoints, namespace)
    .until('e2e-proxy-test-service', (object) => object?.subsets?.[0]?.addresses?.length);
  const path = kube.of(pods, namespace).path('agnhost', 'proxy');
  return { pod: path, service: kube.of(services, namespace).path('e2e-proxy-test-service', 'proxy') };
}

/** The request arrives with its method, and the answer comes back. */
async function expectVerb(method: string, path: string): Promise<void> {
  const answer = await kube.try(method, path, { query: { method } });
  assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`);
  if (method !== 'HEAD') assert.deepEqual(JSON.parse(answer.text), { body: 'foo', method });
}

describe('proxy', { concurrency: 4 }, () => {
  conformance(
    '[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service ProxyWithPath',
    async () => {
      const { pod, service } = await verbServer();
      for (const path of [pod, service])
        for (const method of ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'])
          await expectVerb(method, `${path}/some/path/with/${method}`);
    },
  );

  conformance(
    '[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service Proxy',
    async () => {
      const { pod, service } = await verbServer();
      for (const path of [pod, service]) {
        for (const method of ['DELETE', 'OPTIONS', 'PATCH', 'POST', 'PUT']) await expectVerb(method, path);
        // An empty path is sent on to one that ends with a slash.
        for (const method of ['GET', 'HEAD']) {
          const { status, headers } = await kube.try(method, path, { query: { method } });
          assert.deepEqual([status, headers.location], [301, `${path}/?method=${method}`]);
        }
      }
    },
  );

  conformance('[sig-network] Proxy version v1 should proxy through a service and a pod', async () => {
    const namespace = await kube.namespace('proxy');
    const labels = { 'proxy-service-target': 'true' };
    const { metadata } = await kube.of(services, namespace).create({
      metadata: { generateName: 'proxy-service-' },
      spec: {
        selector: labels,
        ports: [
          { name: 'portname1', port: 80, targetPort: 'dest1' },
          { name: 'portname2', port: 81, targetPort: 162 },
          { name: 'tlsportname1', port: 443, targetPort: 'tlsdest1' },
          { name: 'tlsportname2', port: 444, targetPort: 462 },
        ],
      },
    });
    const container = pause({
      args: ['porter'],
      env: environment({
        SERVE_PORT_80: '<a href="/rewriteme">test</a>',
        SERVE_PORT_1080: '<a href="/rewriteme">test</a>',
        SERVE_PORT_160: 'foo',
        SERVE_PORT_162: 'bar',
        SERVE_TLS_PORT_443: '<a href="/tlsrewriteme">test</a>',
        SERVE_TLS_PORT_460: 'tls baz',
        SERVE_TLS_PORT_462: 'tls qux',
      }),
      // A proxy that is told no port takes the first.
      ports: [
        { containerPort: 80 },
        { name: 'dest1', containerPort: 160 },
        { name: 'dest2', containerPort: 162 },
        { name: 'tlsdest1', containerPort: 460 },
        { name: 'tlsdest2', containerPort: 462 },
      ],
      readinessProbe,
    });
    const { name } = metadata;
    await kube
      .of(builtin<ReplicationController>('', 'v1', 'replicationcontrollers'), namespace)
      .create({ metadata: { name }, spec: { replicas: 1, selector: labels, template: template(labels, container) } });
    await kube.of(endpoints, namespace).until(name, (object) => object?.subsets?.[0]?.addresses?.length);
    const pod = (await kube.of(pods, namespace).list()).items[0]!.metadata.name;

    const target = (kind: string, object: string) => (scheme: string, port: string) => {
      const named = scheme ? `${scheme}:${object}:${port}` : port ? `${object}:${port}` : object;
      return `/api/v1/namespaces/${namespace}/${kind}/${named}/proxy`;
    };
    const [service, direct] = [target('services', name), target('pods', pod)];
    const link = (path: string, to: string) => `<a href="${path}/${to}">test</a>`;
    const expected: [path: string, body: string][] = [
      [service('', 'portname1'), 'foo'],
      [service('http', 'portname1'), 'foo'],
      [service('', 'portname2'), 'bar'],
      [service('http', 'portname2'), 'bar'],
      [service('https', 'tlsportname1'), 'tls baz'],
      [service('https', 'tlsportname2'), 'tls qux'],
      [direct('', ''), link(direct('', ''), 'rewriteme')],
      [direct('', '1080'), link(direct('', '1080'), 'rewriteme')],
      [direct('http', '1080'), link(direct('http', '1080'), 'rewriteme')],
      [direct('', '160'), 'foo'],
      [direct('http', '160'), 'foo'],
      [direct('', '162'), 'bar'],
      [direct('http', '162'), 'bar'],
      [direct('https', '443'), link(direct('https', '443'), 'tlsrewriteme')],
      [direct('https', '460'), 'tls baz'],
      [direct('https', '462'), 'tls qux'],
    ];
    for (let attempt = 0; attempt < 5; attempt++)
      await Promise.all(
        expected.map(async ([path, body]) => assert.equal((await kube.ask('GET', `${path}/`)).text, body, path)),
      );
  });
});
