import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../api/generated/core-v1.ts';
import type { Device, DeviceClass, ResourceClaim, ResourceSlice } from '../../api/generated/resource-v1.ts';
import { type Devices, planAllocations } from './plan-allocation.ts';

const node = { metadata: { name: 'one', labels: { zone: 'a' } }, spec: {} } as unknown as Node;

const gpu = (name: string, rest: Partial<Device> = {}): Device => ({ name, ...rest });
const model = (name: string, value: string) => gpu(name, { attributes: { model: { string: value } } });

function slice(devices: Device[], spec: object = { nodeName: 'one' }, pool: object = {}): ResourceSlice {
  const whole = { name: 'pool', generation: 1, resourceSliceCount: 1, ...pool };
  return { metadata: { name: 's' }, spec: { driver: 'gpu.example', pool: whole, devices, ...spec } } as ResourceSlice;
}

/** Requests are written short: a test's class is always there, and selectors are names of devices. */
function claim(requests: object[], rest: object = {}): ResourceClaim {
  const full = requests.map((one, i) => ({ name: `r${i}`, ...one }));
  return { metadata: { name: 'c', namespace: 'x' }, spec: { devices: { requests: full, ...rest } } } as ResourceClaim;
}
const exactly = (rest: object = {}) => ({ exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', ...rest } });
const named = (...names: string[]) => names.map((name) => ({ cel: { expression: name } }));

function plan(claims: ResourceClaim[], slices: ResourceSlice[], rest: Partial<Devices> = {}) {
  return planAllocations(claims, node, {
    slices,
    deviceClass: () => ({ metadata: { name: 'gpu' }, spec: {} }) as DeviceClass,
    selects: (expression, _driver, device) => expression.split(' ').includes(device.name),
    taken: new Set(),
    ...rest,
  });
}
/** What is given, each as `request=device`. */
const given = (...args: Parameters<typeof plan>) =>
  plan(...args)?.map(({ devices }) => (devices?.results ?? []).map(({ request, device }) => `${request}=${device}`));

test('as many devices as are asked for', () => {
  const slices = [slice([gpu('a'), gpu('b'), gpu('c')])];
  assert.deepEqual(given([claim([exactly({ count: 2 })])], slices), [['r0=a', 'r0=b']]);
  assert.equal(given([claim([exactly({ count: 4 })])], slices), undefined);
  assert.deepEqual(given([claim([exactly()]), claim([exactly({ count: 2 })])], slices), [['r0=a'], ['r0=b', 'r0=c']]);
  assert.equal(given([claim([exactly({ count: 2 })]), claim([exactly({ count: 2 })])], slices), undefined);
});

test('a device that a later request needs is left to it', () => {
  const requests = [exactly({ selectors: named('a b') }), exactly({ selectors: named('a') })];
  assert.deepEqual(given([claim(requests)], [slice([gpu('a'), gpu('b')])]), [['r0=b', 'r1=a']]);
});

test('all devices, or none where one is taken', () => {
  const slices = [slice([gpu('a'), gpu('b'), gpu('c')])];
  const all = claim([exactly({ allocationMode: 'All', selectors: named('a c') })]);
  assert.deepEqual(given([all], slices), [['r0=a', 'r0=c']]);
  assert.equal(given([all], slices, { taken: new Set(['gpu.example/pool/c']) }), undefined);
  assert.equal(given([claim([exactly({ allocationMode: 'All', selectors: named('z') })])], slices), undefined);
});

test('what others have is theirs, except for administrators', () => {
  const taken = new Set(['gpu.example/pool/a']);
  assert.equal(given([claim([exactly()])], [slice([gpu('a')])], { taken }), undefined);
  const [allocation] = plan([claim([exactly({ adminAccess: true })])], [slice([gpu('a')])], { taken })!;
  assert.equal(allocation?.devices?.results?.[0]?.adminAccess, true);
});

test('attributes that must match, or differ', () => {
  const slices = [slice([model('a', 'x'), model('b', 'y'), model('c', 'y'), gpu('d')])];
  const pair = (constraint: object) => claim([exactly(), exactly()], { constraints: [constraint] });
  assert.deepEqual(given([pair({ matchAttribute: 'gpu.example/model' })], slices), [['r0=b', 'r1=c']]);
  assert.deepEqual(given([pair({ distinctAttribute: 'gpu.example/model' })], slices), [['r0=a', 'r1=b']]);
  assert.deepEqual(given([pair({ matchAttribute: 'gpu.example/model', requests: ['r1'] })], slices), [
    ['r0=a', 'r1=b'],
  ]);
});

test('the first alternative that is there', () => {
  const firstAvailable = ['z', 'b'].map((name) => ({
    ...{ name: `only-${name}`, deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1 },
    selectors: named(name),
  }));
  assert.deepEqual(given([claim([{ firstAvailable }])], [slice([gpu('a'), gpu('b')])]), [['r0/only-b=b']]);
});

test('tainted devices only for those that tolerate them', () => {
  const slices = [slice([gpu('a', { taints: [{ key: 'broken', value: 'x', effect: 'NoSchedule' }] })])];
  assert.equal(given([claim([exactly()])], slices), undefined);
  const tolerating = (toleration: object) => given([claim([exactly({ tolerations: [toleration] })])], slices);
  assert.deepEqual(tolerating({ key: 'broken', operator: 'Exists' }), [['r0=a']]);
  assert.deepEqual(tolerating({ key: 'broken', operator: 'Equal', value: 'x', effect: 'NoSchedule' }), [['r0=a']]);
  assert.equal(tolerating({ key: 'broken', operator: 'Equal', value: 'y' }), undefined);
});

test('only whole pools of the newest generation, on nodes that reach them', () => {
  const one = [claim([exactly()])];
  assert.equal(given(one, [slice([gpu('a')], undefined, { resourceSliceCount: 2 })]), undefined);
  const old = slice([gpu('old')]);
  assert.deepEqual(given(one, [old, slice([gpu('new')], undefined, { generation: 2 })]), [['r0=new']]);
  assert.equal(given(one, [slice([gpu('a')], { nodeName: 'two' })]), undefined);
  assert.deepEqual(given(one, [slice([gpu('a')], { allNodes: true })]), [['r0=a']]);
  const zone = (value: string) => ({
    nodeSelector: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [value] }] }] },
  });
  assert.equal(given(one, [slice([gpu('a')], zone('b'))]), undefined);
  assert.deepEqual(plan(one, [slice([gpu('a')], zone('a'))])?.[0]?.nodeSelector, zone('a').nodeSelector);
  assert.deepEqual(given(one, [slice([gpu('a', { allNodes: true }), gpu('b')], { perDeviceNodeSelection: true })]), [
    ['r0=a'],
  ]);
});

test('parts of a device take no more than it has', () => {
  const part = (name: string, memory: string) =>
    gpu(name, { consumesCounters: [{ counterSet: 'card', counters: { memory: { value: memory } } }] });
  const sharedCounters = [{ name: 'card', counters: { memory: { value: '10Gi' } } }];
  const half = { resourceSliceCount: 2 };
  const slices = [
    slice([part('a', '6Gi'), part('b', '6Gi'), part('c', '4Gi')], undefined, half),
    slice([], { nodeName: 'one', sharedCounters }, half),
  ];
  assert.deepEqual(given([claim([exactly({ count: 2 })])], slices), [['r0=a', 'r0=c']]);
  assert.equal(given([claim([exactly({ count: 3 })])], slices), undefined);
  assert.deepEqual(given([claim([exactly()])], slices, { taken: new Set(['gpu.example/pool/a']) }), [['r0=c']]);
  const before = [{ name: 'card', counters: { memory: { value: '40Gi' } } }];
  const old = slice([], { nodeName: 'one', sharedCounters: before }, { ...half, generation: 0 });
  assert.equal(given([claim([exactly({ count: 3 })])], [old, ...slices]), undefined, 'of the newest generation');
});

test('an allocation tells where it holds and what drivers are told', () => {
  const opaque = (value: number) => ({ opaque: { driver: 'gpu.example', parameters: { value } } });
  const deviceClass = () => ({ metadata: { name: 'gpu' }, spec: { config: [opaque(1)] } }) as unknown as DeviceClass;
  const wanted = claim([exactly({ count: 2 })], { config: [opaque(2)] });
  const [allocation] = plan([wanted], [slice([gpu('a'), gpu('b')])], { deviceClass })!;
  assert.deepEqual(allocation?.devices?.config, [
    { source: 'FromClass', requests: ['r0'], ...opaque(1) },
    { source: 'FromClaim', ...opaque(2) },
  ]);
  assert.deepEqual(allocation?.nodeSelector?.nodeSelectorTerms, [
    { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['one'] }] },
  ]);
});
