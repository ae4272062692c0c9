import type { FlowTarget } from '../linux/linux.ts';

/** What one owner (a Service, say) asks of the kernel. Names of chains and sets are its own; elements may be shared with other owners. */
export interface TableRules {
  /** Rules of each chain, in order. */
  chains: Map<string, string[]>;
  /** Declaration of each set. */
  sets: Map<string, string>;
  /** In sets of its own, or in those that the table's skeleton has for all. */
  elements: RuleElement[];
  /** Endpoints of protocols without an end of their own: when one goes, its flows must be told. Keys are 'udp address port'. */
  flows: Map<string, FlowTarget>;
}

export interface RuleElement {
  set: string;
  key: string;
  /** In a verdict map. */
  value?: string;
}

/**
 * What the kernel has of each owner, and the shortest script from there to what it should have. A pure value in memory:
 * `change` returns text, the caller applies it.
 */
export class RuleTable {
  readonly #table: string;
  /** Rules of each owner as the kernel has them. */
  readonly #owners = new Map<string, TableRules>();
  /** Who wants each element, per set, the first claim being in force: two Services may share an endpoint or an external IP. */
  readonly #claims = new Map<string, Map<string, Map<string, string | undefined>>>();

  constructor(table: string) {
    this.#table = table;
  }

  /** The script that changes these owners' rules (undefined: removes them); empty when nothing differs. */
  change(changes: Map<string, TableRules | undefined>): string {
    const before: string[] = [];
    const after: string[] = [];
    const touched = new Map<string, Map<string, string | null>>();
    for (const [owner, wanted] of changes) {
      const current = this.#owners.get(owner) ?? empty;
      const next = wanted ?? empty;
      this.#changeChains(current, next, before, after);
      for (const element of current.elements) this.#remember(touched, element);
      for (const element of next.elements) this.#remember(touched, element);
      for (const element of current.elements) this.#claimants(element).delete(owner);
      for (const element of next.elements) this.#claimants(element).set(owner, element.value);
      if (wanted) this.#owners.set(owner, wanted);
      else this.#owners.delete(owner);
    }
    const { removals, additions } = this.#changeElements(touched);
    return [...before, ...removals, ...additions, ...after].map((line) => `${line}\n`).join('');
  }

  /** Endpoints that these changes take away. To be asked before `change`. */
  lostFlows(changes: Map<string, TableRules | undefined>): FlowTarget[] {
    return [...changes].flatMap(([owner, wanted]) =>
      [...(this.#owners.get(owner) ?? empty).flows]
        .filter(([key]) => !wanted?.flows.has(key))
        .map(([, target]) => target),
    );
  }

  /** New chains come before what jumps to them, old ones go after it. */
  #changeChains(current: TableRules, next: TableRules, before: string[], after: string[]): void {
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
  #remember(touched: Map<string, Map<string, string | null>>, element: RuleElement): void {
    const keys = touched.getOrInsertComputed(element.set, () => new Map());
    if (!keys.has(element.key)) keys.set(element.key, this.#inForce(element.set, element.key));
  }

  #changeElements(touched: Map<string, Map<string, string | null>>): { removals: string[]; additions: string[] } {
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
  #inForce(set: string, key: string): string | null {
    const first = this.#claims.get(set)?.get(key)?.values().next();
    return !first || first.done ? null : (first.value ?? '');
  }
}

const empty: TableRules = { chains: new Map(), sets: new Map(), elements: [], flows: new Map() };
