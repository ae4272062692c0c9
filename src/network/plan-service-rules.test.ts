import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../api/generated/core-v1.ts';
import type { EndpointSlice } from '../api/generated/discovery-v1.ts';
import { chooseAddresses } from './choose-addresses.ts';
import { planServiceRules } from './plan-service-rules.ts';
import { RuleTable } from './rule-table.ts';
import { selectEndpoints } from './select-endpoints.ts';

const node = { plan: chooseAddresses('demo', [], []), nodeName: 'here' };

function service(spec: Service['spec'], status: Service['status'] = {}): Service {
  const metadata = { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { clusterIP: '10.65.0.20', ports: [{ port: 80 }], ...spec },
    status,
  };
}

type Conditions = { ready?: boolean; serving?: boolean; terminating?: boolean };

function slice(
  endpoints: [ip: string, conditions?: Conditions, nodeName?: string][],
  ports: EndpointSlice['ports'] = [{ port: 8080 }],
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    addressType: 'IPv4',
    ports,
    endpoints: endpoints.map(([ip, conditions = {}, nodeName = 'here']) => ({ addresses: [ip], conditions, nodeName })),
  };
}

/** Elements as 'set key value'. */
function elements(spec: Service['spec'], slices: EndpointSlice[], status?: Service['status']): string[] {
  return planServiceRules(service(spec, status), slices, node).elements.map(({ set, key, value }) =>
    [set, key, value?.replace(/-[0-9a-f]{8}-.*/, '')].filter(Boolean).join(' '),
  );
}

const terminating = { ready: false, serving: true, terminating: true };
const selections: [string, EndpointSlice[], string[]][] = [
  ['ready endpoints are used, others not', [slice([['10.64.0.2'], ['10.64.0.3', { ready: false }]])], ['10.64.0.2']],
  [
    'terminating ones are used only when none is ready',
    [slice([['10.64.0.2', terminating], ['10.64.0.3']])],
    ['10.64.0.3'],
  ],
  ['terminating ones are the last resort', [slice([['10.64.0.2', terminating]])], ['10.64.0.2']],
  ['an endpoint in two slices counts once', [slice([['10.64.0.2']]), slice([['10.64.0.2']])], ['10.64.0.2']],
  ['another port is none of ours', [slice([['10.64.0.2']], [{ name: 'other', port: 1 }])], []],
];
for (const [sentence, slices, expected] of selections) {
  test(`endpoints: ${sentence}`, () => {
    assert.deepEqual(
      selectEndpoints(slices, { port: 80 }, 'here').cluster.map(({ ip }) => ip),
      expected,
    );
  });
}

const here = slice([['10.64.0.2']]);
const elsewhere = slice([['10.64.0.2', {}, 'there']]);
const loadBalancer = { loadBalancer: { ingress: [{ ip: '10.65.128.1' }] } };
const plans: [string, Service['spec'], EndpointSlice[], Service['status'], string[]][] = [
  [
    'a ClusterIP goes to the chain of its port',
    {},
    [here],
    {},
    ['service-ips 10.65.0.20 . tcp . 80 goto svc', 'hairpin 10.64.0.2 . 10.64.0.2'],
  ],
  ['without endpoints the range refuses, so nothing is needed', {}, [], {}, []],
  ['a headless Service has no rules', { clusterIP: 'None' }, [here], {}, []],
  [
    'a load balancer adds its address and the node port',
    { type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30080 }] },
    [here],
    loadBalancer,
    [
      'service-ips 10.65.0.20 . tcp . 80 goto svc',
      'service-ips 10.65.128.1 . tcp . 80 goto svc',
      'node-ports tcp . 30080 goto svc',
      'hairpin 10.64.0.2 . 10.64.0.2',
    ],
  ],
  [
    'a node port and an external address without endpoints are refused',
    { type: 'NodePort', externalIPs: ['192.0.2.7'], ports: [{ port: 80, nodePort: 30080, protocol: 'UDP' }] },
    [],
    {},
    ['no-endpoint-ips 192.0.2.7 . udp . 80', 'no-endpoint-ports udp . 30080'],
  ],
  [
    'with internalTrafficPolicy Local and endpoints elsewhere traffic is dropped',
    { internalTrafficPolicy: 'Local' },
    [elsewhere],
    {},
    ['service-ips 10.65.0.20 . tcp . 80 drop', 'hairpin 10.64.0.2 . 10.64.0.2'],
  ],
  [
    'an endpoint outside the Pod range is masqueraded',
    {},
    [slice([['192.0.2.9']])],
    {},
    [
      'service-ips 10.65.0.20 . tcp . 80 goto svc',
      'hairpin 192.0.2.9 . 192.0.2.9',
      'external-endpoints 192.0.2.9 . tcp . 8080',
    ],
  ],
  [
    'source ranges guard only the load balancer',
    { type: 'LoadBalancer', loadBalancerSourceRanges: ['198.51.100.0/24'] },
    [here],
    loadBalancer,
    [
      'service-ips 10.65.0.20 . tcp . 80 goto svc',
      'service-ips 10.65.128.1 . tcp . 80 goto fw',
      'hairpin 10.64.0.2 . 10.64.0.2',
    ],
  ],
];
for (const [sentence, spec, slices, status, expected] of plans) {
  test(`rules: ${sentence}`, () => assert.deepEqual(elements(spec, slices, status), expected));
}

test('externalTrafficPolicy Local keeps outsiders on this node, insiders go anywhere', () => {
  const both = slice([['10.64.0.2'], ['10.64.0.3', {}, 'there']]);
  const { chains } = planServiceRules(
    service({ type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ port: 80, nodePort: 30080 }] }),
    [both],
    node,
  );
  const rules = Object.fromEntries(
    [...chains].map(([name, lines]) => [name.split('-')[0], lines.map((line) => line.replace(/-[0-9a-f]{8}-.*/, ''))]),
  );
  assert.deepEqual(rules, {
    svc: ['meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.64.0.2 . 8080, 1 : 10.64.0.3 . 8080 }'],
    local: ['meta l4proto tcp dnat to 10.64.0.2:8080'],
    ext: ['ip saddr 10.64.0.0/16 goto svc', 'fib saddr type local goto svc', 'goto local'],
  });
});

test('a node that announces load balancers passes traffic on to nodes that may take it', () => {
  const spec = {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    ports: [{ port: 80, nodePort: 30080 }],
  } as const;
  const planned = (announces: boolean) => {
    const object = service({ ...spec, ports: [...spec.ports] }, loadBalancer);
    const { chains, elements: all } = planServiceRules(object, [elsewhere], { ...node, announces });
    const chain = /goto (\S+)/.exec(all.find(({ key }) => key.startsWith('10.65.128.1'))?.value ?? '')?.[1] ?? '';
    return chains.get(chain)?.at(-1);
  };
  assert.equal(planned(false), 'drop');
  assert.equal(planned(true), 'accept');
});

test('a change touches only what differs, and the last claim of an element removes it', () => {
  const table = new RuleTable('t');
  const rules = (ips: string[], clusterIP = '10.65.0.20') =>
    planServiceRules(service({ clusterIP }), [slice(ips.map((ip) => [ip]))], node);
  const change = (key: string, ips?: string[], clusterIP?: string) =>
    table
      .change(new Map([[key, ips && rules(ips, clusterIP)]]))
      .replaceAll(/-[0-9a-f]{8}-[^ \n]*/g, '')
      .trim()
      .split('\n');
  assert.deepEqual(
    change('a', ['10.64.0.2']),
    [
      'add chain ip t svc',
      'add rule ip t svc meta l4proto tcp dnat to 10.64.0.2:8080',
      'add element ip t service-ips { 10.65.0.20 . tcp . 80 : goto svc }',
      'add element ip t hairpin { 10.64.0.2 . 10.64.0.2 }',
    ].map((line) => line.replace(/goto svc.*/, 'goto svc }').replace(/ }$/, ' }')),
  );
  assert.deepEqual(change('a', ['10.64.0.2']), ['']);
  assert.deepEqual(change('a', ['10.64.0.2', '10.64.0.3']), [
    'flush chain ip t svc',
    'add rule ip t svc meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.64.0.2 . 8080, 1 : 10.64.0.3 . 8080 }',
    'add element ip t hairpin { 10.64.0.3 . 10.64.0.3 }',
  ]);
  change('b', ['10.64.0.3'], '10.65.0.21');
  assert.deepEqual(change('a', ['10.64.0.2']).at(-1), 'add rule ip t svc meta l4proto tcp dnat to 10.64.0.2:8080');
  assert.deepEqual(change('a'), [
    'delete element ip t service-ips { 10.65.0.20 . tcp . 80 }',
    'delete element ip t hairpin { 10.64.0.2 . 10.64.0.2 }',
    'flush chain ip t svc',
    'delete chain ip t svc',
  ]);
});
