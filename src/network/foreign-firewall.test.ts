import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeLinux } from '../linux/fake.ts';
import { allowLinks, disallowLinks } from './foreign-firewall.ts';

const chainOf = (name: string, hook: string, policy: string, rules: string[] = []) =>
  `table ${name.replace(/ \S+$/, '')} {\n chain ${name.split(' ').at(-1)} { # handle 1\n type filter hook ${hook} priority filter; policy ${policy};\n${rules.join('\n')}\n }\n}`;
const forward = 'ip filter FORWARD';
const input = 'ip filter INPUT';
const firewalld = 'inet firewalld filter_INPUT';
const rule = (side: string, handle: number) => `${side} "vt1a2b-*" accept comment "vitrine vt1a2b-" # handle ${handle}`;
const refusal = ['ct state established,related accept # handle 3', 'reject with icmpx admin-prohibited # handle 4'];
const inserted = (chain: string, side: string) =>
  `insert rule ${chain} ${side} "vt1a2b-*" accept comment "vitrine vt1a2b-"\n`;

const rows: [sentence: string, chains: Record<string, string>, applied: string[]][] = [
  ['no such chain needs nothing', {}, []],
  ['a chain that accepts needs nothing', { [forward]: chainOf(forward, 'forward', 'accept') }, []],
  [
    'a chain that drops some needs nothing',
    { [input]: chainOf(input, 'input', 'accept', ['ct state invalid drop # handle 2']) },
    [],
  ],
  [
    'a chain that drops gets our rules',
    { [forward]: chainOf(forward, 'forward', 'drop') },
    [inserted(forward, 'iifname'), inserted(forward, 'oifname')],
  ],
  ['what comes in has one side', { [input]: chainOf(input, 'input', 'drop') }, [inserted(input, 'iifname')]],
  [
    'a chain that refuses at its end gets our rules',
    { [firewalld]: chainOf(firewalld, 'input', 'accept', refusal) },
    [inserted(firewalld, 'iifname')],
  ],
  [
    'rules that are there are not added again',
    { [forward]: chainOf(forward, 'forward', 'drop', [rule('iifname', 7), rule('oifname', 8)]) },
    [],
  ],
];
for (const [sentence, chains, applied] of rows) {
  test(sentence, async () => {
    const linux = new FakeLinux();
    linux.onList = (command) => chains[command.replace('list chain ', '')] ?? '';
    await allowLinks(linux.nft, 'vt1a2b-');
    assert.equal(linux.callsOf('nft.apply').flat().join(''), applied.join(''));
  });
}

test('only our rules are taken out', async () => {
  const linux = new FakeLinux();
  const foreign = 'iifname "vtffff-*" accept comment "vitrine vtffff-" # handle 9';
  linux.onList = (command) =>
    command.endsWith(forward)
      ? chainOf(forward, 'forward', 'drop', [rule('iifname', 7), rule('oifname', 8), foreign])
      : '';
  await disallowLinks(linux.nft, 'vt1a2b-');
  assert.deepEqual(linux.callsOf('nft.apply'), [
    ['delete rule ip filter FORWARD handle 7\ndelete rule ip filter FORWARD handle 8\n'],
  ]);
});
