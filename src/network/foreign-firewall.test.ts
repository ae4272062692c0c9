import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeLinux } from '../linux/fake.ts';
import { allowForwarding, disallowForwarding } from './foreign-firewall.ts';

const chain = (policy: string, rules: string[] = []) =>
  `table ip filter {\n chain FORWARD { # handle 1\n type filter hook forward priority filter; policy ${policy};\n${rules.join('\n')}\n }\n}`;
const ours = [
  'iifname "vt1a2b-*" accept comment "vitrine vt1a2b-" # handle 7',
  'oifname "vt1a2b-*" accept comment "vitrine vt1a2b-" # handle 8',
];

const rows: [string, string, number][] = [
  ['no such chain needs nothing', '', 0],
  ['a chain that accepts needs nothing', chain('accept'), 0],
  ['a chain that drops gets our rules', chain('drop'), 1],
  ['rules that are there are not added again', chain('drop', ours), 0],
];
for (const [sentence, list, applied] of rows) {
  test(sentence, async () => {
    const linux = new FakeLinux();
    linux.onList = () => list;
    await allowForwarding(linux.nft, 'vt1a2b-');
    assert.equal(linux.callsOf('nft.apply').length, applied);
  });
}

test('only our rules are taken out', async () => {
  const linux = new FakeLinux();
  linux.onList = () => chain('drop', [...ours, 'iifname "vtffff-*" accept comment "vitrine vtffff-" # handle 9']);
  await disallowForwarding(linux.nft, 'vt1a2b-');
  assert.deepEqual(linux.callsOf('nft.apply'), [
    ['delete rule ip filter FORWARD handle 7\ndelete rule ip filter FORWARD handle 8\n'],
  ]);
});
