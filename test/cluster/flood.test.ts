import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import type { FlowSchema } from '../../src/api/generated/flowcontrol-v1.ts';
import { builtin } from '../../src/api/resource.ts';
import { Kube } from '../conformance/fixture/kube.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { until } from './fixture/until.ts';

const group = 'flowcontrol.apiserver.k8s.io';
const flowSchemas = builtin<FlowSchema>(group, 'v1', 'flowschemas');

let cluster: TestCluster;
let kube: Kube;

before(async () => {
  cluster = await startTestCluster();
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  kube = new Kube(config);
  await cluster.kubectl('create clusterrolebinding everybody --clusterrole=view --group=system:authenticated');
});
after(() => cluster.delete());

/** A connection on which somebody asks as often as he can. */
function connect(token: string) {
  const { server, caData } = kube.config.getCurrentCluster()!;
  const session = http2.connect(server, { ca: Buffer.from(caData ?? '', 'base64') });
  session.on('error', () => {});
  const ask = (path: string) =>
    new Promise<{ status: number; headers: http2.IncomingHttpHeaders }>((resolve, reject) => {
      const stream = session.request({ ':path': path, authorization: `Bearer ${token}` });
      let headers: http2.IncomingHttpHeaders = {};
      stream.on('response', (found) => {
        headers = found;
      });
      stream.on('error', reject).on('end', () => resolve({ status: Number(headers[':status']), headers }));
      stream.resume();
    });
  return { ask, close: () => session.destroy() };
}

describe('a flood', () => {
  it('of one client is held back, while the requests of others are served', async () => {
    const token = (await cluster.kubectl('create token default')).trim();
    const other = (await cluster.kubectl('-n kube-system create token default')).trim();
    const [flood, system] = [connect(token), connect(other)];
    const codes = new Map<number, number>();
    let retryAfter: string | undefined;
    let flooding = true;
    const one = async () => {
      while (flooding) {
        const { status, headers } = await flood.ask('/api/v1/namespaces/default/configmaps/kube-root-ca.crt');
        codes.set(status, (codes.get(status) ?? 0) + 1);
        if (status === 429) retryAfter = headers['retry-after'] as string;
      }
    };
    // More than its queues hold: eight of 50 each at most.
    const all = Promise.all(Array.from({ length: 900 }, one));
    await until('some are turned away', () => (codes.get(429) ?? 0) > 0);
    for (let i = 0; i < 30; i++) {
      const { status } = await system.ask('/api/v1/namespaces/kube-system/configmaps');
      assert.equal(status, 200);
    }
    flooding = false;
    await all;
    for (const connection of [flood, system]) connection.close();
    assert.equal(retryAfter, '1');
    assert.ok((codes.get(200) ?? 0) > 100, JSON.stringify([...codes]));
    assert.deepEqual([...codes.keys()].sort(), [200, 429]);
    const metrics = (await kube.ask('GET', '/metrics')).text;
    const labels = 'priority_level="workload-low",flow_schema="service-accounts",reason="queue-full"';
    assert.match(metrics, new RegExp(`apiserver_flowcontrol_rejected_requests_total\\{${labels}\\} [1-9]`));
    assert.match(metrics, /apiserver_flowcontrol_current_inqueue_requests\{priority_level="workload-low"\} 0/);
    assert.doesNotMatch(metrics, /rejected_requests_total\{priority_level="workload-high"/);
  });

  it('is told apart by the headers of every answer', async () => {
    const [schema] = (await kube.of(flowSchemas).list({ fieldSelector: 'metadata.name=exempt' })).items;
    const { headers } = await kube.ask('GET', '/api/v1/namespaces');
    assert.equal(headers['x-kubernetes-pf-flowschema-uid'], schema?.metadata.uid);
    assert.match(String(headers['x-kubernetes-pf-prioritylevel-uid']), /^[0-9a-f-]{36}$/);
  });

  it('does not take the objects that everything depends on: they come back', async () => {
    const condition = async (name: string) => {
      const { status } = await kube.of(flowSchemas).get(name);
      return status?.conditions?.find(({ type }) => type === 'Dangling');
    };
    const found = await until('the status is told', () => condition('global-default'));
    assert.deepEqual([found.status, found.reason], ['False', 'Found']);
    await cluster.kubectl('delete flowschema catch-all');
    await kube.of(flowSchemas).until('catch-all', (schema) => schema);
    await cluster.kubectl('delete prioritylevelconfiguration global-default');
    await until('it dangles', async () => (await condition('global-default'))?.status === 'True');
    // Its requests are of the next schema that matches.
    assert.equal((await kube.try('GET', '/api/v1/pods', { headers: { 'impersonate-user': 'ann' } })).status, 200);
  });
});
