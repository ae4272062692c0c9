import { createHash } from 'node:crypto';
import type { Service, ServicePort } from '../api/generated/core-v1.ts';
import type { EndpointSlice } from '../api/generated/discovery-v1.ts';
import { containsAddress } from '../base/cidr.ts';
import type { AddressPlan } from './address-plan.ts';
import type { TableRules } from './rule-table.ts';
import { type Endpoint, selectEndpoints } from './select-endpoints.ts';

export interface ProxyNode {
  plan: AddressPlan;
  nodeName: string;
  /** Whether traffic from outside to the addresses of load balancers comes here, and goes on from here. @default false */
  announces?: boolean;
}

/** The rules of one Service and its slices, as kube-proxy's nftables mode understands them (KEP-3866), in fewer chains. */
export function planServiceRules(service: Service, slices: EndpointSlice[], node: ProxyNode): TableRules {
  const rules: TableRules = { chains: new Map(), sets: new Map(), elements: [], flows: new Map() };
  const { type, clusterIP } = service.spec ?? {};
  if (type === 'ExternalName' || !clusterIP || clusterIP === 'None') return rules;
  for (const port of service.spec?.ports ?? []) planPort(rules, service, port, slices, node);
  return rules;
}

function planPort(
  rules: TableRules,
  service: Service,
  port: ServicePort,
  slices: EndpointSlice[],
  node: ProxyNode,
): void {
  const protocol = (port.protocol ?? 'TCP').toLowerCase();
  const endpoints = selectEndpoints(slices, port, node.nodeName);
  const name = chainName(service, port, protocol);
  const spec = service.spec ?? {};
  const affinity =
    spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : undefined;
  const chainTo = (suffix: string, list: Endpoint[]): string | undefined => {
    if (list.length === 0) return undefined;
    const chain = `${suffix}-${name}`;
    if (!rules.chains.has(chain)) planEndpointChain(rules, chain, list, protocol, affinity);
    return `goto ${chain}`;
  };
  const all = () => chainTo('svc', endpoints.cluster);
  const local = () => chainTo('local', endpoints.local);
  // Endpoints elsewhere only: dropped, not rejected, so that clients try again (kube-proxy's drop-chain).
  const localOrDrop = () => local() ?? (endpoints.cluster.length > 0 ? 'drop' : undefined);

  const inside = spec.internalTrafficPolicy === 'Local' ? localOrDrop() : all();
  const isLocal = spec.externalTrafficPolicy === 'Local' && endpoints.cluster.length > 0;
  const outside = isLocal ? planExternalChain(rules, `ext-${name}`, all(), localOrDrop()!, node.plan) : all();
  // The load balancer of other nodes passes it on as it is (plan-load-balancer-routes.ts).
  const passesOn = isLocal && node.announces && endpoints.local.length === 0;
  const balanced = passesOn ? planExternalChain(rules, `lb-${name}`, all(), 'accept', node.plan) : outside;
  if (inside)
    rules.elements.push({ set: 'service-ips', key: `${spec.clusterIP} . ${protocol} . ${port.port}`, value: inside });
  planExternalElements(rules, service, port, { protocol, name, outside, balanced });
  for (const { ip, port: targetPort } of endpoints.cluster) {
    rules.elements.push({ set: 'hairpin', key: `${ip} . ${ip}` });
    if (protocol === 'udp' || protocol === 'sctp') {
      rules.flows.set(`${protocol} ${ip} ${targetPort}`, { protocol, address: ip, port: targetPort });
    }
    if (![node.plan.podCidr, node.plan.nodeCidr].some((cidr) => containsAddress(cidr, ip))) {
      rules.elements.push({ set: 'external-endpoints', key: `${ip} . ${protocol} . ${targetPort}` });
    }
  }
}

/** One rule for all endpoints; with affinity, kube-proxy's chain and set per endpoint. */
function planEndpointChain(
  rules: TableRules,
  chain: string,
  list: Endpoint[],
  protocol: string,
  affinitySeconds?: number,
): void {
  if (affinitySeconds === undefined) {
    const map = list.map(({ ip, port }, index) => `${index} : ${ip} . ${port}`).join(', ');
    const target =
      list.length === 1
        ? `dnat to ${list[0]!.ip}:${list[0]!.port}`
        : `dnat ip to numgen random mod ${list.length} map { ${map} }`;
    rules.chains.set(chain, [`meta l4proto ${protocol} ${target}`]);
    return;
  }
  const returning: string[] = [];
  const choices: string[] = [];
  for (const [index, { ip, port }] of list.entries()) {
    const one = `ep-${hash(`${chain} ${ip} ${port}`)}-${ip}/${port}`;
    // The timeout is part of the name, as a set cannot change its own.
    const clients = `clients${affinitySeconds}-${one}`;
    rules.sets.set(clients, `type ipv4_addr; flags dynamic,timeout; timeout ${affinitySeconds}s;`);
    rules.chains.set(one, [`update @${clients} { ip saddr }`, `meta l4proto ${protocol} dnat to ${ip}:${port}`]);
    returning.push(`ip saddr @${clients} goto ${one}`);
    choices.push(`${index} : goto ${one}`);
  }
  rules.chains.set(chain, [...returning, `numgen random mod ${list.length} vmap { ${choices.join(', ')} }`]);
}

/** externalTrafficPolicy Local concerns only who comes from outside the cluster (KEP-2086 and kube-proxy's short-circuit). */
function planExternalChain(
  rules: TableRules,
  chain: string,
  all: string | undefined,
  local: string,
  plan: AddressPlan,
): string {
  const short = all ? [`ip saddr ${plan.podCidr} ${all}`, `fib saddr type local ${all}`] : [];
  rules.chains.set(chain, [...short, local]);
  return `goto ${chain}`;
}

interface External {
  protocol: string;
  name: string;
  /** Verdict about what comes from outside. */
  outside: string | undefined;
  /** The same at the load balancer's addresses. */
  balanced: string | undefined;
}

function planExternalElements(
  rules: TableRules,
  service: Service,
  port: ServicePort,
  { protocol, name, outside, balanced }: External,
): void {
  const addresses = (list: (string | undefined)[] = []) =>
    list.filter((ip) => ip !== undefined && !ip.includes(':')) as string[];
  const put = (ip: string, verdict: string | undefined) => {
    const key = `${ip} . ${protocol} . ${port.port}`;
    rules.elements.push(verdict ? { set: 'service-ips', key, value: verdict } : { set: 'no-endpoint-ips', key });
  };
  for (const ip of addresses(service.spec?.externalIPs)) put(ip, outside);
  const ingress = service.status?.loadBalancer?.ingress?.filter(({ ipMode = 'VIP' }) => ipMode === 'VIP');
  const ranges = addresses(service.spec?.loadBalancerSourceRanges?.map((range) => range.trim()));
  for (const ip of addresses(ingress?.map((entry) => entry.ip))) {
    put(ip, balanced && ranges.length > 0 ? planFirewallChain(rules, name, ranges, balanced) : balanced);
  }
  if (!port.nodePort) return;
  const key = `${protocol} . ${port.nodePort}`;
  rules.elements.push(outside ? { set: 'node-ports', key, value: outside } : { set: 'no-endpoint-ports', key });
}

/** spec.loadBalancerSourceRanges: others are dropped at the load balancer's address. */
function planFirewallChain(rules: TableRules, name: string, ranges: string[], verdict: string): string {
  const chain = `fw-${name}`;
  rules.chains.set(chain, [`ip saddr { ${[...new Set(ranges)].join(', ')} } ${verdict}`, 'drop']);
  return `goto ${chain}`;
}

/** 'ab12cd34-namespace/name/tcp/port', within the 128 characters that the kernel allows with our prefixes. */
function chainName(service: Service, port: ServicePort, protocol: string): string {
  const legible = `${service.metadata?.namespace}/${service.metadata?.name}/${protocol}/${port.name || port.port}`;
  return `${hash(legible)}-${legible.slice(0, 90)}`;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
