import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DeviceClass, ResourceSlice } from '../../src/api/generated/resource-v1.ts';
import { builtin, nodes, pods, resourceClaims, resourceClaimTemplates } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { testImage } from './fixture/image.ts';
import { until } from './fixture/until.ts';

const group = 'resource.k8s.io';
const deviceClasses = builtin<DeviceClass>(group, 'v1', 'deviceclasses');
const slices = builtin<ResourceSlice>(group, 'v1', 'resourceslices');

let cluster: TestCluster;
let nodeName: string;

/** Devices are announced by the test: no driver prepares them, and the scheduler is all that is looked at. */
before(async () => {
  cluster = await startTestCluster();
  nodeName = (await cluster.client.list(nodes)).items[0]!.metadata.name;
  await cluster.client.create(deviceClasses, {
    metadata: { name: 'gpu' },
    spec: { selectors: [{ cel: { expression: 'device.driver == "gpu.example.com"' } }] },
  } as never);
  await cluster.client.create(slices, {
    metadata: { name: 'gpus' },
    spec: {
      ...{ driver: 'gpu.example.com', nodeName, pool: { name: nodeName, generation: 1, resourceSliceCount: 1 } },
      devices: [
        { name: 'small', attributes: { size: { int: 1 } } },
        { name: 'large', attributes: { size: { int: 8 } }, capacity: { memory: { value: '16Gi' } } },
      ],
    },
  } as never);
  const expression =
    "device.attributes['gpu.example.com'].size > 4 && device.capacity['gpu.example.com'].memory.compareTo(quantity('8Gi')) >= 0";
  await cluster.client.create(resourceClaimTemplates, {
    metadata: { name: 'large', namespace: 'default' },
    spec: {
      spec: {
        devices: {
          requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu', selectors: [{ cel: { expression } }] } }],
        },
      },
    },
  } as never);
});
after(() => cluster.delete());

const create = (name: string) =>
  cluster.client.create(pods, {
    metadata: { name, namespace: 'default' },
    spec: {
      terminationGracePeriodSeconds: 0,
      resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'large' }],
      containers: [
        {
          ...{ name: 'main', image: testImage, command: ['sleep', '1000'] },
          resources: { claims: [{ name: 'gpu' }] },
        },
      ],
    },
  } as never);

const scheduled = (name: string) =>
  until(`${name} is scheduled`, async () => (await cluster.client.get(pods, name, 'default')).spec.nodeName);
const claimOf = async (name: string) => {
  const { status } = await cluster.client.get(pods, name, 'default');
  return cluster.client.get(resourceClaims, status!.resourceClaimStatuses![0]!.resourceClaimName!, 'default');
};

describe('devices', () => {
  it('are allocated to the Pod whose claim asks for them', async () => {
    const pod = await create('first');
    await scheduled('first');
    const { status, metadata } = await claimOf('first');
    assert.deepEqual(status?.allocation?.devices?.results, [
      { request: 'gpu', driver: 'gpu.example.com', pool: nodeName, device: 'large' },
    ]);
    assert.deepEqual(status.reservedFor, [{ resource: 'pods', name: 'first', uid: pod.metadata.uid }]);
    assert.deepEqual(metadata.finalizers, ['resource.kubernetes.io/delete-protection']);
  });

  it('are waited for while another has them, and go over when it is gone', async () => {
    await create('second');
    await until('second cannot be scheduled', async () => {
      const { status } = await cluster.client.get(pods, 'second', 'default');
      const message = status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message;
      return message?.includes('cannot allocate all claims');
    });
    await cluster.client.delete(pods, 'first', 'default');
    await scheduled('second');
    assert.equal((await claimOf('second')).status?.allocation?.devices?.results?.[0]?.device, 'large');
    await until('the first claim is gone', async () => (await cluster.client.list(resourceClaims)).items.length === 1);
  });
});
