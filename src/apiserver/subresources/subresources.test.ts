import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forbidden } from '../../api/status-error.ts';
import type { AdmissionPlugin } from '../request.ts';
import { startTestServer, type TestServer } from '../testing/start-server.ts';

const pods = '/api/v1/namespaces/default/pods';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const merge = { 'content-type': 'application/merge-patch+json' };
const spec = { containers: [{ name: 'c', image: 'httpd' }] };
const deployment = {
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec },
  },
};

async function runningPod({ call }: TestServer): Promise<void> {
  await call('POST', pods, { metadata: { name: 'p', labels: { app: 'web' } }, spec: { ...spec, nodeName: 'n1' } });
  await call('PATCH', `${pods}/p/status`, { status: { phase: 'Running' } }, merge);
}

describe('scale', () => {
  it('shows and changes the number of replicas', async () => {
    const { call } = await startTestServer();
    await call('POST', deployments, deployment);
    const { body } = await call('GET', `${deployments}/web/scale`);
    assert.deepEqual([body.kind, body.spec.replicas, body.status.selector], ['Scale', 2, 'app=web']);
    const put = await call('PUT', `${deployments}/web/scale`, { ...body, spec: { replicas: 5 } });
    assert.equal(put.body.spec.replicas, 5);
    const patched = await call('PATCH', `${deployments}/web/scale`, { spec: { replicas: 7 } }, merge);
    assert.equal(patched.body.spec.replicas, 7);
    const after = await call('GET', `${deployments}/web`);
    assert.deepEqual([after.body.spec.replicas, after.body.metadata.generation], [7, 3]);
    assert.equal((await call('PUT', `${deployments}/web/scale`, { ...body, spec: { replicas: 5 } })).status, 409);
  });
});

describe('admission', () => {
  it('sees what is asked of a Pod: bindings, evictions and connections', async () => {
    const seen: unknown[] = [];
    const plugin: AdmissionPlugin = {
      name: 'Test',
      handles: ({ subresource }) => subresource !== '' && subresource !== 'status',
      async validate({ operation, subresource, name, object }) {
        seen.push([`${operation} ${subresource} ${name}`, { ...object }]);
        throw forbidden({ group: '', resource: 'pods' }, name, 'not today');
      },
    };
    const api = await startTestServer({ admission: () => [plugin] });
    await runningPod(api);
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'p' },
      target: { kind: 'Node', name: 'n1' },
    };
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' } };
    const answers = [
      await api.call('POST', `${pods}/p/binding`, binding),
      await api.call('POST', `${pods}/p/eviction`, eviction),
      await api.call('GET', `${pods}/p/exec?command=ls&command=-l&stdout=1`),
    ];
    for (const { body } of answers) assert.equal(body.message, 'pods "p" is forbidden: not today');
    assert.deepEqual(seen, [
      ['CREATE binding p', binding],
      ['CREATE eviction p', eviction],
      ['CONNECT exec p', { kind: 'PodExecOptions', apiVersion: 'v1', stdout: true, command: ['ls', '-l'] }],
    ]);
    await api.server.stop();
  });
});

describe('binding', () => {
  it('gives a Pod its node, once', async () => {
    const { call } = await startTestServer();
    await call('POST', pods, { metadata: { name: 'p' }, spec });
    const binding = { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n1' } };
    assert.equal((await call('POST', `${pods}/p/binding`, binding)).status, 201);
    const { body } = await call('GET', `${pods}/p`);
    assert.equal(body.spec.nodeName, 'n1');
    assert.equal(body.status.conditions[0].type, 'PodScheduled');
    const again = await call('POST', '/api/v1/namespaces/default/bindings', binding);
    assert.equal(
      again.body.message,
      'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"',
    );
  });
});

describe('eviction', () => {
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' } };
  const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';

  it('deletes a Pod without a budget', async () => {
    const server = await startTestServer();
    await runningPod(server);
    assert.equal((await server.call('POST', `${pods}/p/eviction`, eviction)).status, 201);
    const { body } = await server.call('GET', `${pods}/p`);
    assert.ok(body.metadata.deletionTimestamp);
    const told = body.status.conditions.find((one: { type: string }) => one.type === 'DisruptionTarget');
    assert.deepEqual(
      [told.status, told.reason, told.message],
      ['True', 'EvictionByEvictionAPI', 'Eviction API: evicting'],
    );
  });

  it('keeps to the preconditions of a deletion', async () => {
    const server = await startTestServer();
    await runningPod(server);
    const { metadata } = (await server.call('GET', `${pods}/p`)).body;
    const evict = (preconditions: object) =>
      server.call('POST', `${pods}/p/eviction`, { ...eviction, deleteOptions: { preconditions } });
    assert.equal((await evict({ resourceVersion: '1' })).status, 409);
    assert.equal((await evict({ uid: 'other' })).status, 409);
    assert.equal((await evict({ uid: metadata.uid, resourceVersion: metadata.resourceVersion })).status, 201);
  });

  it('answers 429 while the budget allows no disruption, and uses it up otherwise', async () => {
    const server = await startTestServer();
    const { call } = server;
    await runningPod(server);
    const selector = { matchLabels: { app: 'web' } };
    await call('POST', budgets, { metadata: { name: 'b' }, spec: { minAvailable: 1, selector } });
    const allow = (disruptionsAllowed: number) =>
      call(
        'PATCH',
        `${budgets}/b/status`,
        {
          status: { disruptionsAllowed, currentHealthy: 1, desiredHealthy: 2, expectedPods: 2, observedGeneration: 1 },
        },
        merge,
      );
    await allow(0);
    const refused = await call('POST', `${pods}/p/eviction`, eviction);
    assert.equal(refused.status, 429);
    assert.equal(refused.body.message, "Cannot evict pod as it would violate the pod's disruption budget.");
    await allow(1);
    assert.equal((await call('POST', `${pods}/p/eviction`, eviction)).status, 201);
    const { body } = await call('GET', `${budgets}/b`);
    assert.equal(body.status.disruptionsAllowed, 0);
    assert.ok(body.status.disruptedPods.p);
  });
});

describe('namespaces/finalize', () => {
  it('removes the namespace with its last finalizer', async () => {
    const { call } = await startTestServer();
    const { body } = await call('POST', '/api/v1/namespaces', { metadata: { name: 'demo' } });
    assert.deepEqual(body.spec.finalizers, ['kubernetes']);
    const deleted = await call('DELETE', '/api/v1/namespaces/demo');
    assert.equal(deleted.body.status.phase, 'Terminating');
    await call('PUT', '/api/v1/namespaces/demo/finalize', { ...deleted.body, spec: { finalizers: [] } });
    assert.equal((await call('GET', '/api/v1/namespaces/demo')).status, 404);
  });
});

describe('pods/log', () => {
  it('asks which container is meant, and is empty before the Pod has a node', async () => {
    const { call } = await startTestServer();
    const two = { containers: [...spec.containers, { name: 'd', image: 'x' }] };
    await call('POST', pods, { metadata: { name: 'p' }, spec: two });
    const { body } = await call('GET', `${pods}/p/log`);
    assert.equal(body.message, 'a container name must be specified for pod p, choose one of: [c d]');
    assert.equal((await call('GET', `${pods}/p/log?container=d`)).body, '');
    assert.equal((await call('GET', `${pods}/p/log?container=z`)).body.message, 'container z is not valid for pod p');
  });
});

describe('kinds in two versions', () => {
  it('serves core Events in events.k8s.io too', async () => {
    const { call } = await startTestServer();
    const involvedObject = { kind: 'Pod', name: 'p', namespace: 'default' };
    const event = { metadata: { name: 'e' }, involvedObject, reason: 'Started', message: 'hello', type: 'Normal' };
    assert.equal((await call('POST', '/api/v1/namespaces/default/events', event)).status, 201);
    const { body } = await call('GET', '/apis/events.k8s.io/v1/namespaces/default/events/e');
    assert.deepEqual([body.apiVersion, body.note, body.regarding.name], ['events.k8s.io/v1', 'hello', 'p']);
  });

  it('keeps autoscaling/v1 fields in v2 form', async () => {
    const { call } = await startTestServer();
    const of = (version: string) => `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`;
    const scaleTargetRef = { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' };
    const autoscaler = {
      metadata: { name: 'h' },
      spec: { scaleTargetRef, maxReplicas: 3, targetCPUUtilizationPercentage: 50 },
    };
    assert.equal((await call('POST', of('v1'), autoscaler)).status, 201);
    const { body } = await call('GET', `${of('v2')}/h`);
    assert.equal(body.spec.metrics[0].resource.target.averageUtilization, 50);
    const back = await call('GET', `${of('v1')}/h`);
    assert.equal(back.body.spec.targetCPUUtilizationPercentage, 50);
  });
});
