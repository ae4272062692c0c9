import { createHash } from 'node:crypto';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../api/generated/networking-v1.ts';
import { compileSelector, type Labels } from '../../api/selectors.ts';
import type { TableRules } from '../rule-table.ts';
import { addressRange, blockRanges, disjointElements } from './address-ranges.ts';

/** A Pod with an address of its own, as policies see it. */
export interface PolicyPod {
  namespace: string;
  labels: Labels | undefined;
  address: string;
  ports: { name: string; protocol: string; port: number }[];
}

export interface PolicyWorld {
  policies: NetworkPolicy[];
  pods: PolicyPod[];
  /** Labels by name of the namespace. */
  namespaces: Map<string, Labels | undefined>;
  /** Where cluster DNS answers: a policy that lets Pods reach kube-system's `k8s-app: kube-dns` lets them reach it. */
  dnsAddresses: string[];
}

type Direction = 'ingress' | 'egress';

/** One rule of a policy, whichever its direction. */
interface PolicyRule {
  peers: NetworkPolicyPeer[] | undefined;
  ports: NetworkPolicyPort[] | undefined;
}

/**
 * What all NetworkPolicies ask of the kernel (networking.k8s.io/v1 NetworkPolicySpec): a Pod is isolated in a direction
 * once a policy selects it for that; then it may do what any of its policies allows. A chain for each policy, shared by
 * its Pods; a chain for each combination of policies that some Pod has.
 */
export function planPolicyRules(world: PolicyWorld): TableRules {
  const rules: TableRules = { chains: new Map(), sets: new Map(), elements: [], flows: new Map() };
  const selves = new Set<string>();
  for (const direction of ['ingress', 'egress'] as const) {
    const byPod = new Map<PolicyPod, string[]>();
    for (const policy of world.policies) {
      if (!concerns(policy, direction)) continue;
      const selected = selectPods(policy, world.pods);
      if (selected.length === 0) continue;
      const chain = planPolicyChain(rules, policy, direction, selected, world);
      for (const pod of selected) byPod.getOrInsertComputed(pod, () => []).push(chain);
    }
    for (const [{ address }, chains] of byPod) {
      rules.elements.push({ set: direction, key: address, value: `goto ${planIsolation(rules, direction, chains)}` });
      selves.add(address);
    }
  }
  for (const address of selves) rules.elements.push({ set: 'selves', key: `${address} . ${address}` });
  return rules;
}

/** policyTypes is defaulted to Ingress, and Egress where there are egress rules (networking/v1 defaults.go). */
function concerns({ spec }: NetworkPolicy, direction: Direction): boolean {
  if (spec.policyTypes) return spec.policyTypes.includes(direction === 'ingress' ? 'Ingress' : 'Egress');
  return direction === 'ingress' || (spec.egress?.length ?? 0) > 0;
}

function selectPods({ metadata, spec }: NetworkPolicy, pods: PolicyPod[]): PolicyPod[] {
  const matches = compileSelector(spec.podSelector ?? {});
  return pods.filter(({ namespace, labels }) => namespace === metadata.namespace && matches(labels));
}

/** Tries every policy of a Pod, then drops. */
function planIsolation(rules: TableRules, direction: Direction, chains: string[]): string {
  const jumps = chains.toSorted().map((chain) => `jump ${chain}`);
  const name = `isolate-${direction}-${hash(jumps.join())}`;
  rules.chains.set(name, [...jumps, 'drop']);
  return name;
}

function planPolicyChain(
  rules: TableRules,
  policy: NetworkPolicy,
  direction: Direction,
  selected: PolicyPod[],
  world: PolicyWorld,
): string {
  const { namespace, name, uid } = policy.metadata;
  const chain = `${direction}-${hash(`${direction} ${namespace}/${name} ${uid}`)}-${`${namespace}/${name}`.slice(0, 90)}`;
  const lines: string[] = [];
  for (const [index, rule] of rulesOf(policy, direction).entries()) {
    const set = `${direction}-${hash(chain)}-${index}`;
    const peers = rule.peers?.length ? selectPeers(rule.peers, policy, world) : undefined;
    // Named ports are those of the Pod that is spoken to.
    const targets = direction === 'ingress' ? selected : (peers?.pods ?? world.pods);
    const ports = rule.ports?.length ? planPorts(rules, `${set}-ports`, rule.ports, targets) : [''];
    const from = peers ? planPeers(rules, `${set}-peers`, peers.elements, direction) : '';
    for (const port of ports) lines.push(`${from}${port}accept`);
    if (direction === 'egress' && peers?.dns)
      for (const port of ports)
        lines.push(`ip daddr { ${world.dnsAddresses.join(', ')} } meta l4proto { tcp, udp } th dport 53 ${port}accept`);
  }
  rules.chains.set(chain, lines);
  return chain;
}

function rulesOf({ spec }: NetworkPolicy, direction: Direction): PolicyRule[] {
  if (direction === 'ingress') return (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }));
  return (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
}

interface SelectedPeers {
  pods: PolicyPod[];
  /** Of an interval set. */
  elements: string[];
  /** Whether cluster DNS, which is no Pod here, would be among them. */
  dns: boolean;
}

const dnsPod = { namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } };

function selectPeers(peers: NetworkPolicyPeer[], policy: NetworkPolicy, world: PolicyWorld): SelectedPeers {
  const found = new Set<PolicyPod>();
  const ranges = peers.flatMap(({ ipBlock }) => (ipBlock ? blockRanges(ipBlock) : []));
  let dns = false;
  for (const peer of peers) {
    if (peer.ipBlock) continue;
    const matches = peerMatcher(peer, policy, world);
    for (const pod of world.pods) if (matches(pod)) found.add(pod);
    dns ||= matches(dnsPod);
  }
  const pods = [...found];
  return { pods, elements: disjointElements([...ranges, ...pods.map(({ address }) => addressRange(address))]), dns };
}

/** Without a namespaceSelector a podSelector looks in the policy's own namespace (NetworkPolicyPeer). */
function peerMatcher(
  { podSelector, namespaceSelector }: NetworkPolicyPeer,
  { metadata }: NetworkPolicy,
  { namespaces }: PolicyWorld,
): (pod: Pick<PolicyPod, 'namespace' | 'labels'>) => boolean {
  const matchesPod = compileSelector(podSelector ?? {});
  const matchesNamespace = namespaceSelector && compileSelector(namespaceSelector);
  return ({ namespace, labels }) =>
    (matchesNamespace ? matchesNamespace(namespaces.get(namespace)) : namespace === metadata.namespace) &&
    matchesPod(labels);
}

function planPeers(rules: TableRules, set: string, elements: string[], direction: Direction): string {
  rules.sets.set(set, 'type ipv4_addr; flags interval;');
  for (const key of elements) rules.elements.push({ set, key });
  return `ip ${direction === 'ingress' ? 'saddr' : 'daddr'} @${set} `;
}

/** A match for each port; named ones share a set of addresses and ports. */
function planPorts(rules: TableRules, set: string, ports: NetworkPolicyPort[], targets: PolicyPod[]): string[] {
  const matches: string[] = [];
  const named = new Set<string>();
  for (const { protocol = 'TCP', port, endPort } of ports) {
    const proto = protocol.toLowerCase();
    if (port === undefined) matches.push(`meta l4proto ${proto} `);
    else if (typeof port === 'number')
      matches.push(`meta l4proto ${proto} th dport ${endPort && endPort > port ? `${port}-${endPort}` : port} `);
    else
      for (const target of targets)
        for (const its of target.ports)
          if (its.name === port && its.protocol === protocol) named.add(`${target.address} . ${proto} . ${its.port}`);
  }
  if (named.size > 0) {
    rules.sets.set(set, 'type ipv4_addr . inet_proto . inet_service;');
    for (const key of named) rules.elements.push({ set, key });
    matches.push(`ip daddr . meta l4proto . th dport @${set} `);
  }
  return matches;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
