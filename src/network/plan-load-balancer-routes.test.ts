import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Service, ServiceSpec } from '../api/generated/core-v1.ts';
import type { EndpointSlice } from '../api/generated/discovery-v1.ts';
import { planLoadBalancerRoutes } from './plan-load-balancer-routes.ts';

const nodes = ['here', 'n2', 'n3'].map(
  (name, index) =>
    ({
      metadata: { name },
      status: { addresses: [{ type: 'InternalIP', address: `10.65.192.${index + 1}` }] },
    }) as Node,
);
const slice = (...endpoints: [node: string, ready?: boolean][]) => [
  {
    endpoints: endpoints.map(([nodeName, ready = true], index) => ({
      addresses: [`10.64.0.${index}`],
      conditions: { ready },
      nodeName,
    })),
  } as EndpointSlice,
];
const routes = (spec: Partial<ServiceSpec>, slices: EndpointSlice[]) => {
  const service = {
    spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ...spec },
    status: { loadBalancer: { ingress: [{ ip: '10.65.128.1' }] } },
  } as Service;
  return [...planLoadBalancerRoutes(service, slices, nodes, 'here')];
};

const rows: [string, Partial<ServiceSpec>, EndpointSlice[], [string, string][]][] = [
  ['endpoints on another node: by that node', {}, slice(['n3']), [['10.65.128.1/32', '10.65.192.3']]],
  ['on several: always by the same', {}, slice(['n3'], ['n2']), [['10.65.128.1/32', '10.65.192.2']]],
  ['one that is not ready does not count', {}, slice(['n2', false], ['n3']), [['10.65.128.1/32', '10.65.192.3']]],
  ['some of our own: no other way', {}, slice(['n2'], ['here']), []],
  ['none at all', {}, [], []],
  ['any node will do', { externalTrafficPolicy: 'Cluster' }, slice(['n2']), []],
  ['no load balancer', { type: 'NodePort' }, slice(['n2']), []],
];
for (const [what, spec, slices, expected] of rows)
  test(`the way to a load balancer: ${what}`, () => assert.deepEqual(routes(spec, slices), expected));
