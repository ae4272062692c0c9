import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../api/generated/core-v1.ts';
import { rulesOfServices } from './service-rules.ts';
import { metadata } from './testing.ts';

/** As `nft -j list ruleset` prints them: Vitrine's table, and a chain per endpoint as with session affinity. */
const ruleset = [
  { metainfo: { json_schema_version: 1 } },
  {
    map: {
      family: 'ip',
      table: 'v',
      name: 'service-ips',
      elem: [
        [{ concat: ['10.1.0.5', 'tcp', 80] }, { goto: { target: 'svc-a' } }],
        [{ elem: { val: { concat: ['10.1.0.9', 'tcp', 80] }, timeout: 5 } }, { goto: { target: 'svc-b' } }],
      ],
    },
  },
  { map: { family: 'ip', table: 'v', name: 'node-ports', elem: [[{ concat: ['tcp', 30080] }, { drop: null }]] } },
  { set: { family: 'ip', table: 'v', name: 'no-endpoint-ips', elem: [{ concat: ['10.2.0.1', 'tcp', 80] }] } },
  { set: { family: 'ip', table: 'v', name: 'others', elem: ['10.2.0.1'] } },
  {
    rule: {
      family: 'ip',
      table: 'v',
      chain: 'svc-a',
      expr: [{ dnat: { addr: { map: { data: { set: [[0, { concat: ['10.9.0.1', 8080] }]] } } } } }],
    },
  },
  {
    rule: {
      family: 'ip',
      table: 'v',
      chain: 'svc-b',
      expr: [{ vmap: { data: { set: [[0, { goto: { target: 'ep-1' } }]] } } }, { jump: { target: 'svc-b' } }],
    },
  },
  { rule: { family: 'ip', table: 'v', chain: 'ep-1', expr: [{ dnat: { addr: '10.9.0.2', port: 8080 } }] } },
];

const service = (clusterIP: string, more: Partial<Service['spec']> = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata('web'),
    spec: { clusterIP, ports: [{ port: 80 }], ...more },
    status: {},
  }) as Service;

const short = (one: Service) =>
  rulesOfServices({ readRules: () => ruleset })(one)?.map(({ in: name, match, chains, endpoints, verdicts }) =>
    [name, match, ...chains, ...endpoints, ...verdicts].join(' '),
  );

test('from an address or a node port to the endpoints, through maps and chains', () => {
  assert.deepEqual(short(service('10.1.0.5')), ['service-ips 10.1.0.5 tcp 80 svc-a 10.9.0.1:8080']);
  assert.deepEqual(short(service('10.1.0.9')), ['service-ips 10.1.0.9 tcp 80 svc-b ep-1 10.9.0.2:8080']);
  assert.deepEqual(short(service('10.7.7.7', { ports: [{ port: 80, nodePort: 30080 }] as never })), [
    'node-ports tcp 30080 drop',
  ]);
  assert.deepEqual(short(service('10.2.0.1')), ['no-endpoint-ips 10.2.0.1 tcp 80']);
  assert.deepEqual(short(service('10.7.7.7')), []);
});
