import assert from 'node:assert/strict';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { APIService } from '../../src/api/generated/apiregistration-v1.ts';
import { builtin, deployments, services } from '../../src/api/resource.ts';
import { servingCertificate } from '../fixture/serving-certificate.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { deployment, shell, stay } from './fixture/objects.ts';
import { until } from './fixture/until.ts';

const apiServices = builtin<APIService>('apiregistration.k8s.io', 'v1', 'apiservices');
const groups = { 'custom.metrics.k8s.io': 'v1beta2', 'external.metrics.k8s.io': 'v1beta1' };

let cluster: TestCluster;
let adapter: MetricsAdapter;

before(async () => {
  cluster = await startTestCluster();
  adapter = await startAdapter();
  await cluster.client.create(services, {
    metadata: { name: 'adapter', namespace: 'default' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  } as never);
  for (const [group, version] of Object.entries(groups)) {
    const name = `${version}.${group}`;
    await cluster.client.create(apiServices, {
      metadata: { name },
      spec: {
        ...{ group, version, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true },
        service: { namespace: 'default', name: 'adapter', port: adapter.port },
      },
    } as never);
    await until(`${name} is available`, async () => {
      const { status } = await cluster.client.get(apiServices, name);
      return status?.conditions?.some(({ type, status: value }) => type === 'Available' && value === 'True');
    });
  }
});
after(async () => {
  await cluster.delete();
  adapter.close();
});

const autoscaler = (metric: object) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web' },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    maxReplicas: 9,
    metrics: [metric],
  },
});

const selector = { matchLabels: { queue: 'mail' } };
const service = { apiVersion: 'v1', kind: 'Service', name: 'front' };
const namespace = { apiVersion: 'v1', kind: 'Namespace', name: 'of-namespace' };
const rows: [space: string, metric: object, replicas: number, name: string, described: RegExp][] = [
  [
    'of-pods',
    { type: 'Pods', pods: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '10' } } },
    4,
    'pods metric requests',
    /"requests" on pods: +20 \/ 10/,
  ],
  [
    'of-object',
    {
      type: 'Object',
      object: { describedObject: service, metric: { name: 'hits' }, target: { type: 'Value', value: '10' } },
    },
    3,
    'Service metric hits',
    /"hits" on Service\/front \(target value\): +15 \/ 10/,
  ],
  [
    'of-namespace',
    {
      type: 'Object',
      object: { describedObject: namespace, metric: { name: 'hits' }, target: { type: 'Value', value: '10' } },
    },
    4,
    'Namespace metric hits',
    /"hits" on Namespace\/of-namespace \(target value\): +17 \/ 10/,
  ],
  [
    'external',
    {
      type: 'External',
      external: { metric: { name: 'waiting', selector }, target: { type: 'AverageValue', averageValue: '10' } },
    },
    4,
    'external metric waiting(&LabelSelector{MatchLabels:map[string]string{queue: mail,},MatchExpressions:[]LabelSelectorRequirement{},})',
    /"waiting" \(target average value\): +1\d(500m)? \/ 10/,
  ],
];

describe('autoscaling by what an extension server tells', { concurrency: 5 }, () => {
  for (const [place, metric, replicas, name, described] of rows)
    it(`a Deployment grows by a metric ${place.replace('-', ' ')}`, async () => {
      const space = await cluster.space(place);
      await space.apply(deployment('web', 2, shell(stay)));
      await space.until(deployments, 'web', (found) => found?.status?.readyReplicas === 2);
      await space.apply(autoscaler(metric));
      await space.until(deployments, 'web', (found) => found?.status?.readyReplicas === replicas, 60_000);
      const text = await space.kubectl('describe hpa web');
      assert.match(text, described);
      assert.ok(text.includes(`New size: ${replicas}; reason: ${name} above target`), text);
    });

  it('says why a metric cannot be had, and leaves the number as it is', async () => {
    const space = await cluster.space('missing');
    await space.apply(deployment('web', 2, shell(stay)));
    await space.until(deployments, 'web', (found) => found?.status?.readyReplicas === 2);
    const target = { type: 'Value', value: '10' };
    await space.apply(autoscaler({ type: 'External', external: { metric: { name: 'none' }, target } }));
    const text = await until('it is told', async () => {
      const described = await space.kubectl('describe hpa web');
      return described.includes('FailedComputeMetricsReplicas') && described;
    });
    assert.match(
      text,
      /ScalingActive +False +FailedGetExternalMetric +the HPA was unable to compute the replica count: unable to get external metric missing\/none\/nil: no metrics returned from external metrics API/,
    );
    assert.match(text, /invalid metrics \(1 invalid out of 1\), first error is: /);
    assert.match(await space.kubectl('get deployment web'), /2\/2/);
  });
});

interface MetricsAdapter {
  port: number;
  close(): void;
}

/** An extension server with the answers of a metrics adapter: values by the path that is asked for. */
async function startAdapter(): Promise<MetricsAdapter> {
  const { key, cert } = servingCertificate('adapter.default.svc');
  const server = https.createServer({ key, cert }, (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'https://adapter');
    const [, , group = '', version = '', ...rest] = pathname.split('/');
    const apiVersion = `${group}/${version}`;
    const answer = (body: object) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    const place = rest.join('/');
    if (!version) return answer({ kind: 'APIGroup', apiVersion: 'v1', name: group, versions: [] });
    if (!place) return answer({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersion, resources: [] });
    const items = valuesAt(place, searchParams).catch(() => []);
    void items.then((values) => answer({ apiVersion, metadata: {}, items: values }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function valuesAt(place: string, query: URLSearchParams): Promise<object[]> {
  const timestamp = new Date().toISOString();
  const about = (kind: string, name: string, value: string) => ({ describedObject: { kind, name }, timestamp, value });
  switch (place) {
    case 'namespaces/of-pods/pods/*/requests': {
      assert.equal(query.get('labelSelector'), 'app=web');
      const { items } = JSON.parse(await cluster.kubectl('-n of-pods get pods -o json'));
      return items.map((pod: { metadata: { name: string } }) => about('Pod', pod.metadata.name, '20'));
    }
    case 'namespaces/of-object/services/front/hits':
      return [about('Service', 'front', '15')];
    case 'namespaces/of-namespace/metrics/hits':
      return [about('Namespace', 'of-namespace', '17')];
    case 'namespaces/external/waiting':
      assert.equal(query.get('labelSelector'), 'queue=mail');
      return ['20', '15'].map((value) => ({ metricName: 'waiting', metricLabels: {}, timestamp, value }));
    default:
      return [];
  }
}
