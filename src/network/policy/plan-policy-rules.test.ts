import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NetworkPolicy, NetworkPolicySpec } from '../../api/generated/networking-v1.ts';
import { type PolicyPod, planPolicyRules } from './plan-policy-rules.ts';

const server = podAt('10.0.0.1', 'a', { app: 'server' });
const client = podAt('10.0.0.2', 'a', { app: 'client' });
const stranger = podAt('10.0.0.3', 'b', { app: 'client' });

/** What becomes of the server's policy: its chain with the elements of each set put in place of its name. */
const rows: [sentence: string, spec: NetworkPolicySpec, ingress: string[] | undefined, egress: string[] | undefined][] =
  [
    ['no rule lets nobody in', { policyTypes: ['Ingress'] }, [], undefined],
    ['an empty rule lets everybody in', { ingress: [{}] }, ['accept'], undefined],
    ['egress rules without types isolate both ways', { egress: [{}] }, [], ['accept']],
    [
      'a podSelector alone looks in the namespace of the policy',
      { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }] },
      ['ip saddr 10.0.0.2 accept'],
      undefined,
    ],
    [
      'a namespaceSelector alone means all Pods of its namespaces',
      { ingress: [{ from: [{ namespaceSelector: {} }] }] },
      ['ip saddr 10.0.0.1,10.0.0.2,10.0.0.3 accept'],
      undefined,
    ],
    [
      'both in one peer must hold, two peers are either',
      {
        ingress: [
          {
            from: [
              { namespaceSelector: { matchLabels: { name: 'b' } }, podSelector: { matchLabels: { app: 'client' } } },
            ],
          },
          { from: [{ namespaceSelector: { matchLabels: { name: 'b' } } }, { podSelector: {} }] },
        ],
      },
      ['ip saddr 10.0.0.3 accept', 'ip saddr 10.0.0.1,10.0.0.2,10.0.0.3 accept'],
      undefined,
    ],
    [
      'a selector that finds nothing lets nobody in',
      { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'none' } } }] }] },
      ['ip saddr  accept'],
      undefined,
    ],
    [
      'ports are numbers, ranges, names, or all of a protocol',
      {
        ingress: [
          {
            ports: [
              { port: 80 },
              { port: 8000, endPort: 8010, protocol: 'UDP' },
              { protocol: 'SCTP' },
              { port: 'web' },
            ],
          },
        ],
      },
      [
        'meta l4proto tcp th dport 80 accept',
        'meta l4proto udp th dport 8000-8010 accept',
        'meta l4proto sctp accept',
        'ip daddr . meta l4proto . th dport 10.0.0.1 . tcp . 8080 accept',
      ],
      undefined,
    ],
    ['a name that no port has lets nobody in', { ingress: [{ ports: [{ port: 'none' }] }] }, [], undefined],
    [
      'a block is left with holes where its exceptions are',
      { egress: [{ to: [{ ipBlock: { cidr: '10.9.0.0/24', except: ['10.9.0.0/25', '10.9.0.200/32'] } }] }] },
      [],
      ['ip daddr 10.9.0.128-10.9.0.199,10.9.0.201-10.9.0.255 accept'],
    ],
    [
      'Pods inside a block are not named twice',
      { egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/24' } }, { podSelector: {} }] }] },
      [],
      ['ip daddr 10.0.0.0-10.0.0.255 accept'],
    ],
    [
      'who may reach kube-dns may reach cluster DNS, at its port only',
      { policyTypes: ['Egress'], egress: [{ to: [{ namespaceSelector: { matchLabels: { name: 'kube-system' } } }] }] },
      undefined,
      ['ip daddr  accept', 'ip daddr { 10.1.0.1, 10.1.0.10 } meta l4proto { tcp, udp } th dport 53 accept'],
    ],
  ];

describe('a NetworkPolicy', () => {
  for (const [sentence, spec, ingress, egress] of rows) {
    test(sentence, () => {
      const rules = plan(policy('p', { podSelector: { matchLabels: { app: 'server' } }, ...spec }));
      assert.deepEqual([legible(rules, 'ingress'), legible(rules, 'egress')], [ingress, egress]);
    });
  }

  test('several policies of a Pod add up, and Pods with the same ones share a chain', () => {
    const rules = plan(policy('one', {}), policy('two', { podSelector: { matchLabels: { app: 'server' } } }));
    const targets = new Map(
      rules.elements.filter(({ set }) => set === 'ingress').map(({ key, value }) => [key, value]),
    );
    assert.deepEqual([...targets.keys()], ['10.0.0.1', '10.0.0.2']);
    const chain = targets.get('10.0.0.1')?.replace('goto ', '') ?? '';
    assert.match(
      rules.chains.get(chain)?.join('; ') ?? '',
      /^jump ingress-\w{8}-a\/\w+; jump ingress-\w{8}-a\/\w+; drop$/,
    );
  });
});

function plan(...policies: NetworkPolicy[]) {
  const namespaces = new Map(['a', 'b', 'kube-system'].map((name) => [name, { name }]));
  return planPolicyRules({
    policies,
    pods: [server, client, stranger],
    namespaces,
    dnsAddresses: ['10.1.0.1', '10.1.0.10'],
  });
}

function legible({ chains, elements }: ReturnType<typeof plan>, direction: string): string[] | undefined {
  const found = [...chains].find(([name]) => name.startsWith(`${direction}-`));
  return found?.[1].map((line) =>
    line.replace(/@(\S+)/, (_, set) => elements.flatMap((one) => (one.set === set ? [one.key] : [])).join()),
  );
}

function policy(name: string, spec: NetworkPolicySpec): NetworkPolicy {
  return { metadata: { name, namespace: 'a', uid: name }, spec } as NetworkPolicy;
}

function podAt(address: string, namespace: string, labels: Record<string, string>): PolicyPod {
  const ports = labels.app === 'server' ? [{ name: 'web', protocol: 'TCP', port: 8080 }] : [];
  return { address, namespace, labels, ports };
}
