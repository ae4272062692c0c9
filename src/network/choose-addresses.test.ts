import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseAddresses } from './choose-addresses.ts';

const route = (destination: string) => ({ destination });

test('a host with only a default route gives the first pair', () => {
  assert.deepEqual(chooseAddresses('demo', [route('0.0.0.0/0'), route('192.168.1.0/24')], []), {
    podCidr: '10.64.0.0/16',
    nodePodCidr: '10.64.0.0/22',
    nodeCidr: '10.65.192.0/18',
    serviceCidr: '10.65.0.0/17',
    loadBalancerCidr: '10.65.128.0/18',
    nodeAddress: '10.65.192.1',
    dnsServiceIp: '10.65.0.10',
    hostLink: 'vt-demo',
    nftTable: 'vitrine-demo',
  });
});

test('routes into a pair and other clusters are avoided', () => {
  const first = chooseAddresses('a', [route('10.65.3.7/32')], []);
  assert.equal(first.podCidr, '10.66.0.0/16');
  assert.equal(chooseAddresses('b', [route('10.65.3.7/32')], [first]).podCidr, '10.68.0.0/16');
});

test('a host that routes all of 10/8 has no room', () => {
  assert.throws(() => chooseAddresses('a', [route('10.0.0.0/8')], []), /no free address range/);
});

test('link names fit in 15 characters and differ between long cluster names', () => {
  const names = ['default', 'a-cluster-with-a-long-name', 'a-cluster-with-a-long-name-2', 'x'.repeat(63)];
  const links = names.map((name) => chooseAddresses(name, [], []).hostLink);
  assert.equal(new Set(links).size, names.length);
  for (const link of links) assert.ok(link.length <= 15, link);
});
