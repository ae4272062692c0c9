import assert from 'node:assert/strict';
import { describe } from 'node:test';
import {
  type KubernetesObject,
  ResourceV1Api,
  type V1DeviceClass,
  type V1ResourceSlice,
  Watch,
} from '@kubernetes/client-node';
import { until } from '../../cluster/fixture/until.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { codeOf, mergePatch, refused, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();
const driver = 'dra.example.com';
const labels = { test: 'dra' };
const labelSelector = 'test=dra';

/** The calls of one resource. */
interface Calls<T extends KubernetesObject> {
  path: string;
  object(name: string): T;
  create(body: T): Promise<T>;
  read(name: string): Promise<T>;
  /** In all namespaces, if it has any. */
  list(): Promise<{ items: T[] }>;
  patch(name: string, body: object): Promise<T>;
  replace(name: string, body: T): Promise<T>;
  remove(name: string): Promise<unknown>;
  removeAll(): Promise<unknown>;
}

/** Every verb of a resource once, and what each of them leaves behind. */
async function expectCrud<T extends KubernetesObject>(calls: Calls<T>): Promise<void> {
  const seen: { type: string; object: T }[] = [];
  const watch = await new Watch(suite.config).watch(
    calls.path,
    { labelSelector },
    (type, object) => seen.push({ type, object }),
    () => {},
  );
  const count = async () => (await calls.list()).items.length;
  const created = await calls.create(calls.object('first'));
  assert.ok(created.metadata?.uid);
  assert.equal((await refused(calls.create(calls.object('first')), 409)).reason, 'AlreadyExists');
  await calls.create(calls.object('second'));
  assert.deepEqual((created as { spec?: object }).spec, ((await calls.read('first')) as { spec?: object }).spec);
  assert.equal(await count(), 2);

  const patched = await calls.patch('first', { metadata: { annotations: { patched: 'true' } } });
  assert.equal(patched.metadata?.annotations?.patched, 'true');
  assert.equal(patched.metadata?.uid, created.metadata.uid);
  patched.metadata = { ...patched.metadata, annotations: { patched: 'true', replaced: 'true' } };
  const replaced = await calls.replace('first', patched);
  assert.equal(replaced.metadata?.annotations?.replaced, 'true');
  assert.ok(BigInt(replaced.metadata?.resourceVersion ?? 0) > BigInt(created.metadata.resourceVersion ?? 0));

  await calls.remove('first');
  await refused(calls.read('first'), 404);
  assert.equal(await count(), 1);
  await calls.removeAll();
  await until('the collection is deleted', async () => (await count()) === 0);
  await until('the watch has seen it all', () => {
    const types = seen.map(({ type, object }) => `${type} ${object.metadata?.name}`);
    return types.includes('DELETED second') && types;
  });
  watch.abort();
  const types = seen.map(({ type, object }) => `${type} ${object.metadata?.name}`);
  assert.deepEqual(types, [
    'ADDED first',
    'ADDED second',
    'MODIFIED first',
    'MODIFIED first',
    'DELETED first',
    'DELETED second',
  ]);
}

const api = () => suite.config.makeApiClient(ResourceV1Api);
const devices = { requests: [{ name: 'req-0', exactly: { deviceClassName: driver } }] };
const prefix = '/apis/resource.k8s.io/v1';

describe('[DRA] CRUD', { concurrency: 4 }, () => {
  conformance('[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 DeviceClass', async () => {
    const selectors = [{ cel: { expression: `device.driver == "${driver}"` } }];
    await expectCrud<V1DeviceClass>({
      path: `${prefix}/deviceclasses`,
      object: (name) => ({ metadata: { name, labels }, spec: { selectors } }),
      create: (body) => api().createDeviceClass({ body }),
      read: (name) => api().readDeviceClass({ name }),
      list: () => api().listDeviceClass({ labelSelector }),
      patch: (name, body) => api().patchDeviceClass({ name, body }, mergePatch),
      replace: (name, body) => api().replaceDeviceClass({ name, body }),
      remove: (name) => api().deleteDeviceClass({ name }),
      removeAll: () => api().deleteCollectionDeviceClass({ labelSelector }),
    });
  });

  conformance('[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceSlice', async () => {
    await expectCrud<V1ResourceSlice>({
      path: `${prefix}/resourceslices`,
      object: (name) => ({
        metadata: { name, labels },
        spec: {
          driver,
          nodeName: 'worker',
          pool: { name: 'worker', generation: 1, resourceSliceCount: 1 },
          devices: [{ name: `device-${name}`, capacity: { memory: { value: '1Gi' } } }],
        },
      }),
      create: (body) => api().createResourceSlice({ body }),
      read: (name) => api().readResourceSlice({ name }),
      list: () => api().listResourceSlice({ labelSelector }),
      patch: (name, body) => api().patchResourceSlice({ name, body }, mergePatch),
      replace: (name, body) => api().replaceResourceSlice({ name, body }),
      remove: (name) => api().deleteResourceSlice({ name }),
      removeAll: () => api().deleteCollectionResourceSlice({ labelSelector }),
    });
  });

  conformance('[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceClaimTemplate', async () => {
    const { name: namespace } = await testNamespace(suite, 'dra');
    await expectCrud({
      path: `${prefix}/namespaces/${namespace}/resourceclaimtemplates`,
      object: (name) => ({ metadata: { name, labels }, spec: { spec: { devices } } }),
      create: (body) => api().createNamespacedResourceClaimTemplate({ namespace, body }),
      read: (name) => api().readNamespacedResourceClaimTemplate({ namespace, name }),
      list: async () => {
        const all = await api().listResourceClaimTemplateForAllNamespaces({ labelSelector });
        const own = await api().listNamespacedResourceClaimTemplate({ namespace, labelSelector });
        assert.deepEqual(own.items, all.items);
        return own;
      },
      patch: (name, body) => api().patchNamespacedResourceClaimTemplate({ namespace, name, body }, mergePatch),
      replace: (name, body) => api().replaceNamespacedResourceClaimTemplate({ namespace, name, body }),
      remove: (name) => api().deleteNamespacedResourceClaimTemplate({ namespace, name }),
      removeAll: () => api().deleteCollectionNamespacedResourceClaimTemplate({ namespace, labelSelector }),
    });
  });

  conformance('[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceClaim', async () => {
    const { name: namespace } = await testNamespace(suite, 'dra');
    await expectCrud({
      path: `${prefix}/namespaces/${namespace}/resourceclaims`,
      object: (name) => ({ metadata: { name, labels }, spec: { devices } }),
      create: (body) => api().createNamespacedResourceClaim({ namespace, body }),
      read: (name) => api().readNamespacedResourceClaim({ namespace, name }),
      list: async () => {
        const all = await api().listResourceClaimForAllNamespaces({ labelSelector });
        const own = await api().listNamespacedResourceClaim({ namespace, labelSelector });
        assert.deepEqual(own.items, all.items);
        return own;
      },
      patch: (name, body) => api().patchNamespacedResourceClaim({ namespace, name, body }, mergePatch),
      replace: (name, body) => api().replaceNamespacedResourceClaim({ namespace, name, body }),
      remove: (name) => api().deleteNamespacedResourceClaim({ namespace, name }),
      removeAll: () => api().deleteCollectionNamespacedResourceClaim({ namespace, labelSelector }),
    });
    await expectStatus(namespace);
  });
});

/** Status is written through its own endpoint, and through no other. */
async function expectStatus(namespace: string): Promise<void> {
  const name = 'status';
  await api().createNamespacedResourceClaim({ namespace, body: { metadata: { name }, spec: { devices } } });
  const result = { request: 'req-0', driver, pool: 'worker', device: 'device' };
  const allocation = { devices: { results: [result] } };
  const target = { namespace, name };
  const patched = await api().patchNamespacedResourceClaimStatus(
    { ...target, body: { status: { allocation } } },
    mergePatch,
  );
  assert.deepEqual(patched.status?.allocation?.devices?.results?.[0]?.device, 'device');
  // Of a Pod that is not there the controller would take it away.
  const reservedFor = [
    { apiGroup: 'example.com', resource: 'users', name: 'user', uid: '11111111-2222-3333-4444-555555555555' },
  ];
  const body = await api().readNamespacedResourceClaimStatus(target);
  body.status = { ...body.status, reservedFor };
  const replaced = await api().replaceNamespacedResourceClaimStatus({ ...target, body });
  assert.equal(replaced.status?.reservedFor?.[0]?.name, 'user');
  const stale = await api()
    .replaceNamespacedResourceClaimStatus({ ...target, body })
    .then(() => undefined, codeOf);
  assert.equal(stale, 409);
  const through = { metadata: { labels: { a: 'b' } }, status: { reservedFor: [] } };
  const main = await api().patchNamespacedResourceClaim({ ...target, body: through }, mergePatch);
  assert.equal(main.metadata?.labels?.a, 'b');
  assert.equal(main.status?.reservedFor?.length, 1);
}
