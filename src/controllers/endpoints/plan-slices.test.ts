import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { made, pod } from '../testing.ts';
import { planSlices } from './plan-slices.ts';
import type { PodEndpoint } from './pod-endpoints.ts';

const ports = [{ name: '', port: 80, protocol: 'TCP' }];
const endpoint = (i: number, ready = true) => ({
  addresses: [`10.0.${i >> 8}.${i & 255}`],
  conditions: { ready, serving: ready, terminating: false },
  targetRef: { kind: 'Pod', name: `p${i}`, uid: `${i}` },
});
const wanted = (from: number, to: number, ready = true): PodEndpoint[] =>
  Array.from({ length: to - from }, (_, i) => ({
    pod: pod(`p${from + i}`),
    endpoint: endpoint(from + i, ready),
    ports,
  })) as never;
const slice = (name: string, from: number, to: number) =>
  made<EndpointSlice>('EndpointSlice', name, {
    ports,
    endpoints: wanted(from, to).map((one) => one.endpoint),
  } as never);
const shown = (plan: ReturnType<typeof planSlices>) => ({
  create: plan.create.map((one) => one.endpoints.length),
  update: plan.update.map((one) => `${one.slice.metadata.name} ${one.endpoints.length}`),
  remove: plan.remove.map((one) => one.metadata.name),
});

const rows: [why: string, EndpointSlice[], PodEndpoint[], ReturnType<typeof shown>][] = [
  ['at most a hundred in a slice', [], wanted(0, 250), { create: [100, 100, 50], update: [], remove: [] }],
  ['nothing to do', [slice('a', 0, 3)], wanted(0, 3), { create: [], update: [], remove: [] }],
  ['a slice with room is filled', [slice('a', 0, 3)], wanted(0, 5), { create: [], update: ['a 5'], remove: [] }],
  [
    'a changed endpoint is written',
    [slice('a', 0, 2)],
    wanted(0, 2, false),
    { create: [], update: ['a 2'], remove: [] },
  ],
  ['an empty slice is removed', [slice('a', 0, 2)], [], { create: [], update: [], remove: ['a'] }],
  [
    'new ones go where something changes anyway',
    [slice('a', 0, 90), slice('b', 90, 100)],
    [...wanted(0, 90), ...wanted(91, 104)],
    { create: [], update: ['b 13'], remove: [] },
  ],
];
for (const [why, existing, want, expected] of rows)
  test(`slices: ${why}`, () => assert.deepEqual(shown(planSlices(existing, want)), expected));

test('slices: an empty one stands where there would be none, and becomes what is needed', () => {
  const placeholder = { placeholder: true };
  const empty = made<EndpointSlice>('EndpointSlice', 'a', { ports: [], endpoints: [] } as never);
  assert.deepEqual(planSlices([], [], placeholder).create, [{ ports: [], endpoints: [] }]);
  assert.deepEqual(shown(planSlices([empty], [], placeholder)), { create: [], update: [], remove: [] });
  assert.deepEqual(shown(planSlices([slice('a', 0, 2)], [], placeholder)), { create: [], update: ['a 0'], remove: [] });
  const { update } = planSlices([empty], wanted(0, 1), placeholder);
  assert.deepEqual(
    update.map((one) => [one.ports, one.endpoints.length]),
    [[ports, 1]],
  );
});
