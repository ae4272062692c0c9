import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimFinalizer } from '../../api/device-claims.ts';
import type { ResourceClaim } from '../../api/generated/resource-v1.ts';
import { pods, resourceClaims, resourceClaimTemplates } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import { eventually, made, pod, runInMemory } from '../testing.ts';
import { generatedName, planClaim } from './plan-claim.ts';
import { resourceClaimController } from './resource-claims.ts';

const devices = { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu' } }] };
const reserved = (...uids: string[]) => uids.map((uid) => ({ resource: 'pods', name: uid, uid }));

const rows: [
  what: string,
  claim: object,
  owner: object | undefined,
  present: string[],
  expected: object | undefined,
][] = [
  ['is in use', { status: { reservedFor: reserved('a') } }, undefined, ['a'], undefined],
  [
    'is used by fewer',
    { status: { reservedFor: reserved('a', 'b') } },
    undefined,
    ['b'],
    { action: 'release', reservedFor: reserved('b'), deallocate: false },
  ],
  [
    'is used by nobody any more',
    { metadata: { finalizers: [claimFinalizer] }, status: { reservedFor: reserved('a') } },
    undefined,
    [],
    { action: 'release', reservedFor: [], deallocate: true },
  ],
  [
    'is deleted',
    { metadata: { finalizers: [claimFinalizer], deletionTimestamp: '2026-01-01T00:00:00Z' } },
    undefined,
    [],
    { action: 'deallocate' },
  ],
  ['was made for a Pod that has ended', {}, { status: { phase: 'Succeeded' } }, [], { action: 'delete' }],
  ['was made for a Pod that runs', {}, { status: { phase: 'Running' } }, [], undefined],
];

for (const [what, claim, owner, present, expected] of rows)
  test(`a claim that ${what}`, () => {
    const one = made<ResourceClaim>('ResourceClaim', 'c', claim);
    const plan = planClaim(one, owner && pod('p', owner), ({ uid }) => present.includes(uid));
    assert.deepEqual(plan, expected);
  });

test('names of claims leave room for their random end', () => {
  assert.equal(generatedName('web', 'gpu'), 'web-gpu-');
  const long = generatedName('p'.repeat(60), 'c'.repeat(30));
  assert.equal(long, `${'p'.repeat(37)}-${'c'.repeat(18)}`);
});

test('claims are made from templates, told of in the Pod, given back and deleted with it', async () => {
  const { client, told, stop } = await runInMemory([resourceClaimController]);
  const spec = { containers: [], resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'small' }] };
  await client.create(pods, { metadata: { name: 'web', namespace: 'x' }, spec } as never);
  await eventually(async () => told.some((line) => line.includes('FailedResourceClaimCreation PodResourceClaim gpu')));
  const metadata = { labels: { size: 'small' } };
  await client.create(resourceClaimTemplates, {
    metadata: { name: 'small', namespace: 'x' },
    spec: { metadata, spec: { devices } },
  } as never);
  const web = async () => client.get(pods, 'web', 'x');
  await eventually(async () => (await web()).status?.resourceClaimStatuses?.length === 1);
  const [status] = (await web()).status!.resourceClaimStatuses!;
  const claim = await client.get(resourceClaims, status!.resourceClaimName!, 'x');
  assert.equal(status!.name, 'gpu');
  assert.deepEqual(claim.metadata.labels, { size: 'small' });
  assert.deepEqual(claim.spec.devices, devices);
  assert.equal(claim.metadata.ownerReferences?.[0]?.name, 'web');
  const allocation = { devices: { results: [{ request: 'gpu', driver: 'd', pool: 'p', device: 'x' }] } };
  const { name, uid } = (await web()).metadata;
  const finalized = await client.patch(resourceClaims, claim.metadata.name, 'x', {
    type: 'merge',
    body: { metadata: { finalizers: [claimFinalizer] } },
  });
  await client.update(
    resourceClaims,
    { ...finalized, status: { allocation, reservedFor: [{ resource: 'pods', name, uid: uid! }] } },
    { subresource: 'status' },
  );
  await client.patch(
    pods,
    'web',
    'x',
    { type: 'merge', body: { status: { phase: 'Succeeded' } } },
    { subresource: 'status' },
  );
  await eventually(async () => {
    try {
      await client.get(resourceClaims, claim.metadata.name, 'x');
      return false;
    } catch (error) {
      return hasReason(error, 'NotFound');
    }
  });
  await stop();
});
