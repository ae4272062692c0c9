import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { FakeClock } from '../../base/clock.ts';
import { nobody, type ServerRequest } from '../http/exchange.ts';
import type { ObjectReader } from '../request.ts';
import { parseRequestInfo } from '../request-info.ts';
import { metricsPaths } from './metrics-paths.ts';
import type { ResourceMetrics } from './resource-metrics.ts';
import { parseScrape } from './scrape.ts';
import { durationText, podUsage, usageOf } from './usage.ts';

const scrape = (atMs: number, cpu: number) => `# HELP node_cpu_usage_seconds_total x
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total ${cpu * 10} ${atMs}
node_memory_working_set_bytes 1.048576e+06 ${atMs}
container_cpu_usage_seconds_total{container="main",namespace="default",pod="web"} ${cpu} ${atMs}
container_memory_working_set_bytes{container="main",namespace="default",pod="web"} 2048 ${atMs}
container_start_time_seconds{container="main",namespace="default",pod="web"} 1
container_cpu_usage_seconds_total{container="half",namespace="default",pod="half"} 1 ${atMs}
pod_cpu_usage_seconds_total{namespace="default",pod="web"} 7 ${atMs}
resource_scrape_error 0
`;

describe('figures of a kubelet', () => {
  it('are read by node, Pod and container; a container without all of them is left out', () => {
    const { node, pods } = parseScrape(scrape(5000, 2));
    assert.deepEqual(node, { atMs: 5000, cpuSeconds: 20, memoryBytes: 1048576 });
    assert.deepEqual([...pods.keys()], ['default/web']);
    assert.deepEqual(pods.get('default/web')?.get('main'), {
      ...{ atMs: 5000, cpuSeconds: 2, memoryBytes: 2048, startedAtMs: 1000 },
    });
  });

  const point = (atMs: number, cpuSeconds: number, startedAtMs = 0) => ({
    ...{ atMs, cpuSeconds, memoryBytes: 1, startedAtMs },
  });
  const rows: [string, Parameters<typeof usageOf>, [windowMs: number, nanoCores: number] | undefined][] = [
    ['the difference of two readings', [point(1000, 1), point(3000, 2)], [2000, 500_000_000]],
    ['all since the start of one that is new', [undefined, point(12_000, 1, 10_000)], [2000, 500_000_000]],
    ['nothing of one that has just started', [undefined, point(10_500, 1, 10_000)], undefined],
    ['all since the start after a restart', [point(1000, 9, 0), point(12_000, 1, 10_000)], [2000, 500_000_000]],
    ['nothing between two readings at once', [point(1000, 1), point(1000, 1)], undefined],
    ['nothing of a counter that went back', [point(1000, 2), point(2000, 1)], undefined],
  ];
  for (const [what, [before, last], expected] of rows)
    it(`give ${what}`, () => {
      const usage = usageOf(before, last);
      assert.deepEqual(usage && [usage.windowMs, usage.nanoCores], expected);
    });

  it('tell of a Pod only when all its containers are measured', () => {
    const last = parseScrape(scrape(5000, 2));
    assert.equal(podUsage(undefined, last, 'default/web')?.size, 1);
    last.pods.get('default/web')?.set('young', point(5000, 1, 4900));
    assert.equal(podUsage(undefined, last, 'default/web'), undefined);
  });

  it('have windows as Go writes them', () => {
    assert.deepEqual([500, 1009, 15_000, 65_500].map(durationText), ['500ms', '1.009s', '15s', '1m5.5s']);
  });
});

describe('metrics.k8s.io', () => {
  const web = { metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } }, spec: { nodeName: 'n' } };
  const running = { ...web, status: { phase: 'Running' } } as unknown as Pod;
  const pending = {
    ...running,
    metadata: { ...web.metadata, name: 'half' },
    status: { phase: 'Pending' },
  } as unknown as Pod;
  const node = { metadata: { name: 'n', labels: { os: 'linux' } } } as unknown as Node;
  const objects: Record<string, KubeObject[]> = { pods: [running, pending], nodes: [node] };
  const reader = {
    get: () => undefined,
    list: ({ resource }: { resource: string }) => objects[resource],
  } as unknown as ObjectReader;
  const scrapes = new Map([['n', { before: parseScrape(scrape(1000, 1)), last: parseScrape(scrape(3000, 2)) }]]);
  const metrics = { scrapes: async () => scrapes } as unknown as ResourceMetrics;
  const handle = metricsPaths({ metrics, reader, clock: new FakeClock(4000) });

  const ask = async (target: string, headers: Record<string, string> = {}, method = 'GET') => {
    const [path = '', query] = target.split('?');
    const parameters = new URLSearchParams(query);
    const info = parseRequestInfo(method, path, parameters);
    const request = {
      method,
      target,
      path,
      query: parameters,
      headers,
      info,
      user: nobody,
    } as unknown as ServerRequest;
    const response = await handle(request);
    return response && JSON.parse(String(response.body));
  };
  const root = '/apis/metrics.k8s.io/v1beta1';

  it('lists what runs', async () => {
    assert.deepEqual(await ask(`${root}/pods`), {
      kind: 'PodMetricsList',
      apiVersion: 'metrics.k8s.io/v1beta1',
      metadata: {},
      items: [
        {
          kind: 'PodMetrics',
          apiVersion: 'metrics.k8s.io/v1beta1',
          metadata: {
            ...{ name: 'web', namespace: 'default', creationTimestamp: '1970-01-01T00:00:04Z' },
            labels: { app: 'web' },
          },
          timestamp: '1970-01-01T00:00:03Z',
          window: '2s',
          containers: [{ name: 'main', usage: { cpu: '500m', memory: '2Ki' } }],
        },
      ],
    });
    assert.deepEqual((await ask(`${root}/nodes/n`)).usage, { cpu: '5', memory: '1Mi' });
  });

  it('selects by labels and by fields, and refuses what it does not know', async () => {
    const count = async (query: string) => (await ask(`${root}/namespaces/default/pods?${query}`)).items.length;
    assert.equal(await count('labelSelector=app%3Dweb'), 1);
    assert.equal(await count('labelSelector=app%3Dother'), 0);
    assert.equal(await count('fieldSelector=metadata.name%3Dother'), 0);
    await assert.rejects(
      ask(`${root}/pods?fieldSelector=spec.nodeName%3Dn`),
      /field label not supported: spec.nodeName/,
    );
  });

  it('is a table for people', async () => {
    const table = await ask(`${root}/pods`, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
    assert.deepEqual(table.rows[0].cells, ['web', '500m', '2Ki', '2s']);
  });

  it('misses what is not measured, in the words of metrics-server', async () => {
    await assert.rejects(ask(`${root}/nodes/x`), /nodemetrics.metrics.k8s.io "x" not found/);
    await assert.rejects(ask(`${root}/namespaces/default/pods/x`), /podmetrics.metrics.k8s.io "default\/x" not found/);
    await assert.rejects(ask(`${root}/nodes/n`, {}, 'DELETE'), /delete is not supported on resources/);
    assert.equal(await ask('/apis/metrics.k8s.io/v1/nodes'), undefined);
  });
});
