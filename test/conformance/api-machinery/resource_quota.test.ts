import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { Pod, ReplicationController, ResourceQuota, Service } from '../../../src/api/generated/core-v1.ts';
import type { KubeObject } from '../../../src/api/object.ts';
import { compareQuantities } from '../../../src/api/quantity.ts';
import { builtin, configMaps, pods, replicaSets, secrets, services } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { type Deletion, type Objects, refused, type Sketch } from '../fixture/kube.ts';

const quotas = builtin<ResourceQuota>('', 'v1', 'resourcequotas');
const controllers = builtin<ReplicationController>('', 'v1', 'replicationcontrollers');
const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

type Amounts = Record<string, string>;

const hard: Amounts = {
  pods: '5',
  services: '10',
  'services.nodeports': '1',
  'services.loadbalancers': '1',
  replicationcontrollers: '10',
  resourcequotas: '1',
  configmaps: '10',
  secrets: '10',
  persistentvolumeclaims: '10',
  cpu: '1',
  memory: '500Mi',
  'requests.storage': '10Gi',
  'ephemeral-storage': '50Gi',
  'requests.example.com/dongle': '3',
  'count/replicasets.apps': '5',
};

/** A namespace with a quota, whose status is calculated. */
async function withQuota(limits: Amounts = {}, used: Amounts = {}) {
  const namespace = await kube.namespace('resourcequota');
  const all = kube.of(quotas, namespace);
  await all.create({ metadata: { name: 'test-quota' }, spec: { hard: { ...hard, ...limits } } });
  await untilUsed(all, 'test-quota', { resourcequotas: '1', ...used });
  return { namespace, all };
}

function untilUsed(all: Objects<ResourceQuota>, name: string, used: Amounts): Promise<ResourceQuota> {
  return all.until(name, (quota) =>
    Object.entries(used).every(([resource, amount]) => {
      const actual = quota?.status?.used?.[resource];
      return actual !== undefined && compareQuantities(actual, amount) === 0;
    }),
  );
}

/** A quota notices that an object comes, and that it goes. */
async function captures<T extends KubeObject>(
  all: Objects<ResourceQuota>,
  objects: Objects<T>,
  object: Sketch<T>,
  resource: string,
  [before, during]: [string, string],
  deletion?: Deletion,
): Promise<void> {
  await untilUsed(all, 'test-quota', { [resource]: before });
  const { metadata } = await objects.create(object);
  await untilUsed(all, 'test-quota', { resourcequotas: '1', [resource]: during });
  await objects.delete(metadata.name, deletion);
  await untilUsed(all, 'test-quota', { [resource]: before });
}

function podWith(name: string, requests: Amounts, limits: Amounts, spec: Sketch<Pod['spec']> = {}): Sketch<Pod> {
  return {
    metadata: { name },
    spec: {
      // These Pods need no node.
      nodeSelector: { 'x-test.k8s.io/unsatisfiable': 'not-schedulable' },
      containers: [{ name: 'pause', image: 'pause', resources: { requests, limits } }],
      ...spec,
    },
  };
}

const template = (name: string) => ({
  metadata: { labels: { name } },
  spec: { containers: [{ name, image: 'nginx' }] },
});

describe('resource quota', { concurrency: 4 }, () => {
  conformance(
    '[sig-api-machinery] ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated.',
    async () => {
      await withQuota();
    },
  );

  conformance(
    '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a service.',
    async () => {
      const { namespace, all } = await withQuota({ 'services.loadbalancers': '1', 'services.nodeports': '1' });
      const inside = kube.of(services, namespace);
      const service = (name: string, type: string): Sketch<Service> => ({
        metadata: { name },
        spec: { type: type as 'NodePort', ports: [{ port: 80, targetPort: 80 }] },
      });
      await inside.create(service('test-service', 'ClusterIP'));
      await inside.create(service('test-service-np', 'NodePort'));
      await refused(inside.create(service('test-service-lb', 'LoadBalancer')), 403, /exceeded quota: test-quota/);
      await untilUsed(all, 'test-quota', { resourcequotas: '1', services: '2', 'services.nodeports': '1' });
      await inside.delete('test-service');
      await inside.delete('test-service-np');
      await untilUsed(all, 'test-quota', { services: '0', 'services.nodeports': '0', 'services.loadbalancers': '0' });
    },
  );

  conformance(
    '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a secret.',
    async () => {
      const { namespace, all } = await withQuota({ secrets: '1' });
      const inside = kube.of(secrets, namespace);
      await captures(all, inside, { metadata: { name: 'test-secret' }, data: { a: 'dmFsdWU=' } }, 'secrets', [
        '0',
        '1',
      ]);
    },
  );

  conformance(
    '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a configMap.',
    async () => {
      const { namespace, all } = await withQuota({ configmaps: '2' });
      const inside = kube.of(configMaps, namespace);
      // One is there already: the root certificate.
      await inside.until('kube-root-ca.crt', (map) => map);
      await captures(all, inside, { metadata: { name: 'test-configmap' }, data: { a: 'b' } }, 'configmaps', ['1', '2']);
    },
  );

  conformance(
    '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replication controller.',
    async () => {
      const { namespace, all } = await withQuota();
      await captures(
        all,
        kube.of(controllers, namespace),
        {
          metadata: { name: 'test-rc' },
          spec: { replicas: 0, selector: { name: 'test-rc' }, template: template('test-rc') },
        },
        'replicationcontrollers',
        ['0', '1'],
        { propagationPolicy: 'Background' },
      );
    },
  );

  conformance(
    '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replica set.',
    async () => {
      const { namespace, all } = await withQuota();
      await captures(
        all,
        kube.of(replicaSets, namespace),
        {
          metadata: { name: 'test-rs' },
          spec: { replicas: 0, selector: { matchLabels: { name: 'test-rs' } }, template: template('test-rs') },
        },
        'count/replicasets.apps',
        ['0', '1'],
      );
    },
  );

  conformance(
    '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a pod.',
    async () => {
      const { namespace, all } = await withQuota();
      const inside = kube.of(pods, namespace);
      const dongles = { 'example.com/dongle': '2' };
      const requests = { cpu: '500m', memory: '252Mi', 'ephemeral-storage': '30Gi', ...dongles };
      const pod = await inside.create(podWith('test-pod', requests, dongles));
      const used = {
        pods: '1',
        cpu: '500m',
        memory: '252Mi',
        'ephemeral-storage': '30Gi',
        'requests.example.com/dongle': '2',
      };
      await untilUsed(all, 'test-quota', { resourcequotas: '1', ...used });

      await refused(inside.create(podWith('fail-pod', { cpu: '600m', memory: '100Mi' }, {})), 403);
      await refused(
        inside.create(
          podWith(
            'fail-pod-for-extended-resource',
            { cpu: '500m', memory: '100Mi', 'ephemeral-storage': '10Gi', ...dongles },
            dongles,
          ),
        ),
        403,
        /exceeded quota: test-quota, requested: requests\.example\.com\/dongle=2, used: requests\.example\.com\/dongle=2, limited: requests\.example\.com\/dongle=3/,
      );
      // Requests of a Pod that runs are not changed by an update.
      const fewer = { cpu: '100m', memory: '100Mi', 'ephemeral-storage': '10Gi' };
      await refused(
        inside.change(
          pod.metadata.name,
          ({ spec }) => void Object.assign(spec!.containers[0]!.resources!, { requests: fewer }),
        ),
        422,
      );
      await untilUsed(all, 'test-quota', used);

      await inside.delete('test-pod', { gracePeriodSeconds: 0 });
      await untilUsed(all, 'test-quota', Object.fromEntries(Object.keys(used).map((resource) => [resource, '0'])));
    },
  );

  conformance('[sig-api-machinery] ResourceQuota should verify ResourceQuota with terminating scopes.', async () => {
    const computed = {
      'requests.cpu': '500m',
      'requests.memory': '200Mi',
      'limits.cpu': '1',
      'limits.memory': '400Mi',
    };
    const { namespace, all } = await scopedQuotas(['Terminating', 'NotTerminating'], {
      ...computed,
      'requests.cpu': '1',
      'requests.memory': '500Mi',
      'limits.cpu': '2',
      'limits.memory': '1Gi',
    });
    const nothing = { 'requests.cpu': '0', 'requests.memory': '0', 'limits.cpu': '0', 'limits.memory': '0' };
    const inside = kube.of(pods, namespace);
    const deadlines = [undefined, 3600];
    for (const activeDeadlineSeconds of deadlines) {
      const [counting, ignoring] = activeDeadlineSeconds
        ? ['quota-terminating', 'quota-notterminating']
        : ['quota-notterminating', 'quota-terminating'];
      await inside.create(
        podWith('test-pod', { cpu: '500m', memory: '200Mi' }, { cpu: '1', memory: '400Mi' }, { activeDeadlineSeconds }),
      );
      await untilUsed(all, counting!, { pods: '1', ...computed });
      await untilUsed(all, ignoring!, { pods: '0', ...nothing });
      await inside.delete('test-pod', { gracePeriodSeconds: 0 });
      await untilUsed(all, counting!, { pods: '0', ...nothing });
    }
  });

  conformance('[sig-api-machinery] ResourceQuota should verify ResourceQuota with best effort scope.', async () => {
    const { namespace, all } = await scopedQuotas(['BestEffort', 'NotBestEffort'], {});
    const inside = kube.of(pods, namespace);
    const rows: [counting: string, ignoring: string, requests: Amounts, limits: Amounts][] = [
      ['quota-besteffort', 'quota-notbesteffort', {}, {}],
      ['quota-notbesteffort', 'quota-besteffort', { cpu: '500m', memory: '200Mi' }, { cpu: '1', memory: '400Mi' }],
    ];
    for (const [counting, ignoring, requests, limits] of rows) {
      await inside.create(podWith('test-pod', requests, limits));
      await untilUsed(all, counting, { pods: '1' });
      await untilUsed(all, ignoring, { pods: '0' });
      await inside.delete('test-pod', { gracePeriodSeconds: 0 });
      await untilUsed(all, counting, { pods: '0' });
    }
  });

  conformance('[sig-api-machinery] ResourceQuota should be able to update and delete ResourceQuota.', async () => {
    const all = kube.of(quotas, await kube.namespace('resourcequota'));
    await all.create({ metadata: { name: 'test-quota' }, spec: { hard: { cpu: '1', memory: '500Mi' } } });
    assert.deepEqual((await all.get('test-quota')).spec?.hard, { cpu: '1', memory: '500Mi' });
    const updated = await all.change('test-quota', ({ spec }) => {
      spec!.hard = { cpu: '2', memory: '1Gi' };
    });
    assert.deepEqual(updated.spec?.hard, { cpu: '2', memory: '1Gi' });
    assert.deepEqual((await all.get('test-quota')).spec?.hard, { cpu: '2', memory: '1Gi' });
    await all.delete('test-quota');
    await refused(all.get('test-quota'), 404);
  });

  conformance('[sig-api-machinery] ResourceQuota should manage the lifecycle of a ResourceQuota', async () => {
    const namespace = await kube.namespace('resourcequota');
    const all = kube.of(quotas, namespace);
    const name = 'e2e-quota-lifecycle';
    const labels = { [name]: 'created' };
    await all.create({ metadata: { name, labels }, spec: { hard: { cpu: '500m', memory: '500Mi' } } });
    await all.get(name);
    const patched = await all.patch(name, 'strategic', {
      metadata: { labels: { [name]: 'patched' } },
      spec: { hard: { memory: '750Mi' } },
    });
    assert.equal(patched.metadata.labels?.[name], 'patched');
    assert.deepEqual(patched.spec?.hard, { cpu: '500m', memory: '750Mi' });
    const listed = await kube.of(quotas).list({ labelSelector: `${name}=patched` });
    assert.deepEqual(
      listed.items.map(({ metadata }) => [metadata.namespace, metadata.name]),
      [[namespace, name]],
    );
    await all.deleteCollection({ labelSelector: `${name}=patched` });
    await all.untilList(({ items }) => items.length === 0, { labelSelector: `${name}=patched` });
  });

  conformance('[sig-api-machinery] ResourceQuota should apply changes to a resourcequota status', async () => {
    const all = kube.of(quotas, await kube.namespace('resourcequota'));
    const name = 'e2e-rq-status';
    await all.create({ metadata: { name }, spec: { hard: { cpu: '500m', memory: '500Mi' } } });
    await all.until(name, (quota) => quota?.status?.hard?.cpu === '500m' && quota.status.hard.memory === '500Mi');
    const watching = await all.watch({ fieldSelector: `metadata.name=${name}` });
    const changed = await all.change(name, ({ spec }) => {
      spec!.hard = { cpu: '1', memory: '1Gi' };
    });
    assert.deepEqual(changed.spec?.hard, { cpu: '1', memory: '1Gi' });
    await watching.take('MODIFIED', ({ status }) => status?.hard?.cpu === '1' && status.hard.memory === '1Gi');
    const updated = await all.change(
      name,
      ({ status }) => void Object.assign(status!.hard!, { cpu: '333m' }),
      'status',
    );
    assert.equal(updated.status?.hard?.cpu, '333m');
    // The controller sets it right again.
    await watching.take('MODIFIED', ({ status }) => status?.hard?.cpu === '1');
    const patched = await all.patch(name, 'merge', { status: { hard: { memory: '444Mi' } } }, 'status');
    assert.equal(patched.status?.hard?.memory, '444Mi');
    assert.deepEqual(patched.spec?.hard, { cpu: '1', memory: '1Gi' });
    await watching.take('MODIFIED', ({ status }) => status?.hard?.memory === '1Gi');
    watching.stop();
  });
});

/** Two quotas of a namespace that count Pods of one scope each. */
async function scopedQuotas(scopes: string[], limits: Amounts) {
  const namespace = await kube.namespace('resourcequota');
  const all = kube.of(quotas, namespace);
  for (const scope of scopes) {
    const name = `quota-${scope.toLowerCase()}`;
    await all.create({ metadata: { name }, spec: { hard: { pods: '5', ...limits }, scopes: [scope as 'BestEffort'] } });
    await untilUsed(all, name, { pods: '0' });
  }
  return { namespace, all };
}
