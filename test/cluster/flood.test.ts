import assert from 'node:assert/strict';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import type { ValidatingWebhookConfiguration } from '../../src/api/generated/admissionregistration-v1.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../src/api/generated/flowcontrol-v1.ts';
import { builtin } from '../../src/api/resource.ts';
import { Kube } from '../conformance/fixture/kube.ts';
import { servingCertificate } from '../fixture/serving-certificate.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { until } from './fixture/until.ts';

const group = 'flowcontrol.apiserver.k8s.io';
const flowSchemas = builtin<FlowSchema>(group, 'v1', 'flowschemas');
const priorityLevels = builtin<PriorityLevelConfiguration>(group, 'v1', 'prioritylevelconfigurations');
const webhooks = builtin<ValidatingWebhookConfiguration>(
  'admissionregistration.k8s.io',
  'v1',
  'validatingwebhookconfigurations',
);

let cluster: TestCluster;
let kube: Kube;

before(async () => {
  cluster = await startTestCluster();
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  kube = new Kube(config);
  await cluster.kubectl('create clusterrolebinding everybody --clusterrole=edit --group=system:authenticated');
});
after(() => cluster.delete());

/** A connection on which somebody asks as often as he can. */
function connect(token: string) {
  const { server, caData } = kube.config.getCurrentCluster()!;
  const session = http2.connect(server, { ca: Buffer.from(caData ?? '', 'base64') });
  session.on('error', () => {});
  const ask = (path: string, body?: object) =>
    new Promise<{ status: number; headers: http2.IncomingHttpHeaders }>((resolve, reject) => {
      const stream = session.request({
        ':path': path,
        ':method': body ? 'POST' : 'GET',
        'content-type': 'application/json',
        authorization: `Bearer ${token}`,
      });
      let headers: http2.IncomingHttpHeaders = {};
      stream.on('response', (found) => {
        headers = found;
      });
      stream.on('error', reject).on('end', () => resolve({ status: Number(headers[':status']), headers }));
      stream.resume().end(body && JSON.stringify(body));
    });
  return { ask, [Symbol.dispose]: () => session.destroy() };
}

/** A webhook that keeps everybody waiting until all are let go. */
async function startHolder() {
  const { caBundle, ...tls } = servingCertificate('127.0.0.1');
  const held = { seen: 0, most: 0, now: 0 };
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const server = https.createServer(tls, async (request, response) => {
    const { request: review } = JSON.parse(Buffer.concat(await request.toArray()).toString());
    held.seen++;
    held.most = Math.max(held.most, ++held.now);
    await released;
    held.now--;
    const answer = { uid: review.uid, allowed: true };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    clientConfig: {
      url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      caBundle,
    },
    held,
    release,
    async [Symbol.asyncDispose]() {
      release();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The value of one line of /metrics; 0 where there is none. */
async function metric(name: string, labels: Record<string, string>): Promise<number> {
  const { text } = await kube.ask('GET', '/metrics');
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  const line = text
    .split('\n')
    .find((one) => one.startsWith(`apiserver_flowcontrol_${name}{`) && wanted.every((label) => one.includes(label)));
  return line ? Number(line.slice(line.lastIndexOf(' ') + 1)) : 0;
}

const ourToken = async () => (await cluster.kubectl('create token default')).trim();
const systemToken = async () => (await cluster.kubectl('-n kube-system create token default')).trim();

describe('a flood', () => {
  it('of one client fills its seats and its queue; the rest is turned away, and others are served', async () => {
    await using holder = await startHolder();
    // 1 of 246 shares of 600 seats, neither lent nor borrowed.
    const [seats, queue, requests] = [3, 5, 20];
    await kube.of(priorityLevels).create({
      metadata: { name: 'narrow' },
      spec: {
        type: 'Limited',
        limited: {
          ...{ nominalConcurrencyShares: 1, lendablePercent: 0, borrowingLimitPercent: 0 },
          limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: queue } },
        },
      },
    });
    const subject = { kind: 'ServiceAccount', serviceAccount: { namespace: 'default', name: 'default' } };
    const rule = { verbs: ['create'], apiGroups: [''], resources: ['configmaps'], namespaces: ['default'] };
    await kube.of(flowSchemas).create({
      metadata: { name: 'narrow' },
      spec: {
        ...{ priorityLevelConfiguration: { name: 'narrow' }, matchingPrecedence: 100 },
        rules: [{ subjects: [subject], resourceRules: [rule] }],
      },
    });
    await kube.of(webhooks).create({
      metadata: { name: 'holder' },
      webhooks: [
        {
          ...{ name: 'holder.vitrine.test', clientConfig: holder.clientConfig, admissionReviewVersions: ['v1'] },
          ...{ sideEffects: 'None', failurePolicy: 'Fail', timeoutSeconds: 30 },
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
        },
      ],
    });
    using flood = connect(await ourToken());
    using system = connect(await systemToken());
    const answers: { status: number; headers: http2.IncomingHttpHeaders }[] = [];
    const all = Promise.all(
      Array.from({ length: requests }, async (_, i) => {
        const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `flood-${i}` } };
        answers.push(await flood.ask('/api/v1/namespaces/default/configmaps?dryRun=All', body));
      }),
    );
    await until('all that may run do', () => holder.held.now === seats);
    await until('the rest is turned away', () => answers.length === requests - seats - queue);
    for (const { status, headers } of answers) assert.deepEqual([status, headers['retry-after']], [429, '1']);
    const level = { priority_level: 'narrow' };
    assert.equal(await metric('current_executing_requests', level), seats);
    assert.equal(await metric('current_inqueue_requests', level), queue);
    const refused = { ...level, flow_schema: 'narrow', reason: 'queue-full' };
    assert.equal(await metric('rejected_requests_total', refused), answers.length);
    const others = Array.from({ length: 30 }, () => system.ask('/api/v1/namespaces/kube-system/configmaps'));
    for (const { status } of await Promise.all(others)) assert.equal(status, 200);
    assert.equal(holder.held.seen, seats, 'nobody took more seats than there are');
    holder.release();
    await all;
    const served = answers.filter(({ status }) => status === 201).length;
    assert.deepEqual([served, answers.length], [seats + queue, requests], 'who waited is served');
    assert.ok(holder.held.most <= seats);
    assert.equal(await metric('current_inqueue_requests', level), 0);
    await kube.of(webhooks).delete('holder');
  });

  it('of a client that asks as often as it can leaves others served', async () => {
    using flood = connect(await ourToken());
    using system = connect(await systemToken());
    const codes = new Map<number, number>();
    let [served, flooding] = [0, true];
    const one = async () => {
      while (flooding) {
        const { status } = await flood.ask('/api/v1/namespaces/default/configmaps/kube-root-ca.crt');
        codes.set(status, (codes.get(status) ?? 0) + 1);
        if (status === 200) served++;
      }
    };
    const end = Date.now() + 60_000;
    // As many as its seats and queues hold, and more, should the server be the slower of both.
    const all = Promise.all(Array.from({ length: 900 }, one));
    for (let i = 0; (i < 30 || served < 1000) && Date.now() < end; i++) {
      const { status } = await system.ask('/api/v1/namespaces/kube-system/configmaps');
      assert.equal(status, 200);
    }
    flooding = false;
    await all;
    assert.ok(served >= 1000, `of the flood itself only ${served} requests were served: ${JSON.stringify([...codes])}`);
    codes.delete(429);
    assert.deepEqual([...codes.keys()], [200]);
    assert.equal(await metric('current_inqueue_requests', { priority_level: 'workload-low' }), 0);
    assert.equal(await metric('rejected_requests_total', { priority_level: 'workload-high', reason: 'queue-full' }), 0);
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
