import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer, RecordType } from 'dns-packet';
import type { Service, ServiceSpec } from '../api/generated/core-v1.ts';
import type { EndpointSlice } from '../api/generated/discovery-v1.ts';
import { containsAddress } from '../base/cidr.ts';
import { parseResolvers } from './dns-forward.ts';
import { type DnsData, resolve } from './dns-records.ts';

const metadata = (name: string) => ({
  name,
  namespace: 'default',
  uid: '',
  resourceVersion: '',
  creationTimestamp: '',
});
const service = (name: string, spec: ServiceSpec): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata(name),
  spec,
});
const ports = [
  { name: 'http', port: 80 },
  { name: 'dns', port: 53, protocol: 'UDP' as const },
];
const all = [
  service('web', { clusterIP: '10.65.0.20', ports }),
  service('db', { clusterIP: 'None', ports }),
  service('out', { type: 'ExternalName', externalName: 'example.org.' }),
  service('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
];
const slice: EndpointSlice = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: metadata('db-1'),
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080 }],
  endpoints: [
    { addresses: ['10.64.0.2'], hostname: 'db-0', conditions: { ready: true } },
    { addresses: ['10.64.0.3'], conditions: {} },
    { addresses: ['10.64.0.4'], conditions: { ready: false } },
  ],
};
const data: DnsData = {
  zone: 'cluster.local',
  service: (key) => all.find((one) => `${one.metadata.namespace}/${one.metadata.name}` === key),
  services: (namespace) => all.filter((one) => !namespace || one.metadata.namespace === namespace),
  slices: (key) => (key === 'default/db' ? [slice] : []),
  ownsAddress: (ip) => containsAddress('10.64.0.0/15', ip),
};

const text = (answer: Answer): string => {
  if (answer.type === 'SRV')
    return `SRV ${answer.data.priority} ${answer.data.weight} ${answer.data.port} ${answer.data.target}`;
  return `${answer.type} ${String('data' in answer ? answer.data : '')}`;
};

/** Name, type, expected answers; NXDOMAIN; or 'forward'. */
const rows: [string, RecordType, string[] | 'NXDOMAIN' | 'forward'][] = [
  ['web.default.svc.cluster.local', 'A', ['A 10.65.0.20']],
  ['WEB.default.svc.Cluster.Local', 'A', ['A 10.65.0.20']],
  ['web.default.svc.cluster.local', 'AAAA', []],
  ['none.default.svc.cluster.local', 'A', 'NXDOMAIN'],
  ['x.web.default.svc.cluster.local', 'A', 'NXDOMAIN'],
  ['default.svc.cluster.local', 'A', []],
  ['nowhere.svc.cluster.local', 'A', 'NXDOMAIN'],
  ['svc.cluster.local', 'A', []],
  ['_http._tcp.web.default.svc.cluster.local', 'SRV', ['SRV 0 100 80 web.default.svc.cluster.local']],
  ['_dns._udp.web.default.svc.cluster.local', 'SRV', ['SRV 0 100 53 web.default.svc.cluster.local']],
  ['_http._udp.web.default.svc.cluster.local', 'SRV', 'NXDOMAIN'],
  ['_tcp.web.default.svc.cluster.local', 'SRV', []],
  ['db.default.svc.cluster.local', 'A', ['A 10.64.0.2', 'A 10.64.0.3']],
  ['db-0.db.default.svc.cluster.local', 'A', ['A 10.64.0.2']],
  ['10-64-0-3.db.default.svc.cluster.local', 'A', ['A 10.64.0.3']],
  ['db-9.db.default.svc.cluster.local', 'A', 'NXDOMAIN'],
  [
    '_http._tcp.db.default.svc.cluster.local',
    'SRV',
    ['SRV 0 50 8080 db-0.db.default.svc.cluster.local', 'SRV 0 50 8080 10-64-0-3.db.default.svc.cluster.local'],
  ],
  ['out.default.svc.cluster.local', 'A', ['CNAME example.org']],
  ['alias.default.svc.cluster.local', 'A', ['CNAME web.default.svc.cluster.local', 'A 10.65.0.20']],
  ['10-64-0-9.default.pod.cluster.local', 'A', ['A 10.64.0.9']],
  ['10-64-0.default.pod.cluster.local', 'A', 'NXDOMAIN'],
  ['20.0.65.10.in-addr.arpa', 'PTR', ['PTR web.default.svc.cluster.local']],
  ['2.0.64.10.in-addr.arpa', 'PTR', ['PTR db-0.db.default.svc.cluster.local']],
  ['77.0.64.10.in-addr.arpa', 'PTR', 'NXDOMAIN'],
  ['1.1.1.1.in-addr.arpa', 'PTR', 'forward'],
  ['dns-version.cluster.local', 'TXT', ['TXT 1.1.0']],
  ['cluster.local', 'A', []],
  ['notcluster.local', 'A', 'forward'],
  ['example.org', 'A', 'forward'],
  ['example.org.default.svc.cluster.local', 'A', 'NXDOMAIN'],
];
for (const [name, type, expected] of rows) {
  test(`${type} ${name}: ${typeof expected === 'string' ? expected : expected.join(', ') || 'no data'}`, () => {
    const found = resolve({ name, type }, data);
    const actual = !found ? 'forward' : found.exists ? found.answers.map(text) : 'NXDOMAIN';
    assert.deepEqual(actual, expected);
    const [first] = found?.answers ?? [];
    if (first) assert.equal(first.name, name, 'the answer repeats the name as it was asked');
  });
}

test('an SRV answer brings the addresses of its targets', () => {
  const found = resolve({ name: '_http._tcp.db.default.svc.cluster.local', type: 'SRV' }, data);
  assert.deepEqual(found?.additionals.map(text), ['A 10.64.0.2', 'A 10.64.0.3']);
});

test('an alias of a foreign name is looked up outside', () => {
  assert.equal(resolve({ name: 'out.default.svc.cluster.local', type: 'A' }, data)?.chase, 'example.org');
});

test('nameservers are read from resolv.conf', () => {
  assert.deepEqual(parseResolvers('# nameserver 9.9.9.9\nsearch x\nnameserver 192.0.2.1\n nameserver fd00::1\n'), [
    '192.0.2.1',
    'fd00::1',
  ]);
});
