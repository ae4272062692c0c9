import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../api/generated/core-v1.ts';
import { planNodeRoutes } from './plan-node-routes.ts';

const node = (name: string, podCIDR?: string, address?: string) =>
  ({
    metadata: { name },
    spec: { podCIDR },
    status: { addresses: [{ type: 'Hostname', address: name }, ...(address ? [{ type: 'InternalIP', address }] : [])] },
  }) as Node;

test('each other node that has a range and an address is the way to its Pods', () => {
  const nodes = [
    node('here', '10.64.0.0/22', '10.65.192.1'),
    node('there', '10.64.4.0/22', '10.65.192.2'),
    node('without-range', undefined, '10.65.192.3'),
    node('without-address', '10.64.8.0/22'),
  ];
  assert.deepEqual([...planNodeRoutes(nodes, 'here')], [['10.64.4.0/22', '10.65.192.2']]);
});

test('alone there is no way anywhere', () => {
  assert.equal(planNodeRoutes([node('here', '10.64.0.0/22', '10.65.192.1')], 'here').size, 0);
});
