import type { FlowTarget } from '../linux/linux.ts';
import type { AddressPlan } from './address-plan.ts';
import type { ElementSet, RuleElement, ServiceRules } from './plan-service-rules.ts';

/** The table with everything but the Services. The lookups are maps, so their cost does not grow with the Services. */
export function tableSkeleton(plan: AddressPlan): string {
  const table = plan.nftTable;
  return `add table ip ${table}
delete table ip ${table}
table ip ${table} {
  comment "vitrine: Services"
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  map node-ports { type inet_proto . inet_service : verdict; }
  set hairpin { type ipv4_addr . ipv4_addr; }
  set external-endpoints { type ipv4_addr . inet_proto . inet_service; }
  set no-endpoint-ips { type ipv4_addr . inet_proto . inet_service; }
  set no-endpoint-ports { type inet_proto . inet_service; }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
    ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport vmap @node-ports
  }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept; jump services; }
  chain output { type nat hook output priority -100; policy accept; jump services; }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random
    ct status dnat ip daddr . meta l4proto . th dport @external-endpoints fib daddr type != local masquerade fully-random
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain no-endpoints {
    ip daddr { ${plan.serviceCidr}, ${plan.loadBalancerCidr} } goto refuse
    ip daddr . meta l4proto . th dport @no-endpoint-ips goto refuse
  }
  chain filter-output { type filter hook output priority filter; policy accept; ct state new jump no-endpoints; }
  chain filter-forward { type filter hook forward priority filter; policy accept; ct state new jump no-endpoints; }
  chain filter-input {
    type filter hook input priority filter; policy accept;
    ct state new meta l4proto . th dport @no-endpoint-ports goto refuse
    ct state new jump no-endpoints
  }
}
`;
}

/**
 * What the kernel has of each Service, and the shortest script from there to what it should have. A pure value in memory:
 * `change` returns text, the caller applies it.
 */
export class RuleTable {
  readonly #table: string;
  /** Rules of each Service as the kernel has them. */
  readonly #services = new Map<string, ServiceRules>();
  /** Who wants each element, per set, the first claim being in force: two Services may share an endpoint or an external IP. */
  readonly #claims = new Map<ElementSet, Map<string, Map<string, string | undefined>>>();

  constructor(table: string) {
    this.#table = table;
  }

  /** The script that changes these Services (undefined: removes them); empty when nothing differs. */
  change(changes: Map<string, ServiceRules | undefined>): string {
    const before: string[] = [];
    const after: string[] = [];
    const touched = new Map<ElementSet, Map<string, string | null>>();
    for (const [service, wanted] of changes) {
      const current = this.#services.get(service) ?? empty;
      const next = wanted ?? empty;
      this.#changeChains(current, next, before, after);
      for (const element of current.elements) this.#remember(touched, element);
      for (const element of next.elements) this.#remember(touched, element);
      for (const element of current.elements) this.#claimants(element).delete(service);
      for (const element of next.elements) this.#claimants(element).set(service, element.value);
      if (wanted) this.#services.set(service, wanted);
      else this.#services.delete(service);
    }
    const { removals, additions } = this.#changeElements(touched);
    return [...before, ...removals, ...additions, ...after].map((line) => `${line}\n`).join('');
  }

  /** Endpoints that these changes take away from a Service. To be asked before `change`. */
  lostFlows(changes: Map<string, ServiceRules | undefined>): FlowTarget[] {
    return [...changes].flatMap(([service, wanted]) =>
      [...(this.#services.get(service) ?? empty).flows]
        .filter(([key]) => !wanted?.flows.has(key))
        .map(([, target]) => target),
    );
  }

  /** New chains come before what jumps to them, old ones go after it. */
  #changeChains(current: ServiceRules, next: ServiceRules, before: string[], after: string[]): void {
    const table = this.#table;
    const filled: string[] = [];
    for (const [set, declaration] of next.sets) {
      if (!current.sets.has(set)) before.push(`add set ip ${table} ${set} { ${declaration} }`);
    }
    for (const [chain, rules] of next.chains) {
      const known = current.chains.get(chain);
      if (known && known.join('\n') === rules.join('\n')) continue;
      before.push(known ? `flush chain ip ${table} ${chain}` : `add chain ip ${table} ${chain}`);
      for (const rule of rules) filled.push(`add rule ip ${table} ${chain} ${rule}`);
    }
    before.push(...filled);
    const goneChains = [...current.chains.keys()].filter((chain) => !next.chains.has(chain));
    for (const chain of goneChains) after.push(`flush chain ip ${table} ${chain}`);
    for (const chain of goneChains) after.push(`delete chain ip ${table} ${chain}`);
    for (const set of current.sets.keys()) if (!next.sets.has(set)) after.push(`delete set ip ${table} ${set}`);
  }

  /** Notes the value in force before the change (null: none), once. */
  #remember(touched: Map<ElementSet, Map<string, string | null>>, element: RuleElement): void {
    const keys = touched.getOrInsertComputed(element.set, () => new Map());
    if (!keys.has(element.key)) keys.set(element.key, this.#inForce(element.set, element.key));
  }

  #changeElements(touched: Map<ElementSet, Map<string, string | null>>): { removals: string[]; additions: string[] } {
    const removals: string[] = [];
    const additions: string[] = [];
    for (const [set, keys] of touched) {
      const removed: string[] = [];
      const added: string[] = [];
      for (const [key, old] of keys) {
        const now = this.#inForce(set, key);
        if (now === old) continue;
        if (old !== null) removed.push(key);
        if (now !== null) added.push(now === '' ? key : `${key} : ${now}`);
        if (now === null) this.#claims.get(set)?.delete(key);
      }
      if (removed.length > 0) removals.push(`delete element ip ${this.#table} ${set} { ${removed.join(', ')} }`);
      if (added.length > 0) additions.push(`add element ip ${this.#table} ${set} { ${added.join(', ')} }`);
    }
    return { removals, additions };
  }

  #claimants({ set, key }: RuleElement): Map<string, string | undefined> {
    const keys = this.#claims.getOrInsertComputed(set, () => new Map());
    return keys.getOrInsertComputed(key, () => new Map());
  }

  /** The value of the first claim ('' in a set); null when nobody claims it. */
  #inForce(set: ElementSet, key: string): string | null {
    const first = this.#claims.get(set)?.get(key)?.values().next();
    return !first || first.done ? null : (first.value ?? '');
  }
}

const empty: ServiceRules = { chains: new Map(), sets: new Map(), elements: [], flows: new Map() };
