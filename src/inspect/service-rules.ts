import type { Node, Service } from '../api/generated/core-v1.ts';
import type { Snapshot } from './snapshot.ts';
import { formatAddress } from './sockets.ts';

/** One object of libnftables-json(5): { map: … }, { rule: … }, { chain: … }. */
export type NftObject = Record<string, unknown>;

/** What the kernel does with one address and port of a Service. */
export interface ServiceRule {
  /** 'ip vitrine-default'. */
  table: string;
  /** The map or set that has the address, or the chain whose rule matches it. */
  in: string;
  /** '10.65.3.142 tcp 80', 'tcp 30351'. */
  match: string;
  /** Chains that are gone through. */
  chains: string[];
  /** '10.64.0.2:80': where packets go; none: they are dropped or refused. */
  endpoints: string[];
  /** Other ends: 'drop', 'reject'; 'accept' where packets go on as they are. */
  verdicts: string[];
}

interface Table {
  chains: Map<string, unknown[]>;
  maps: Map<string, Element[]>;
}

interface Element {
  /** '10.65.3.142', 'tcp', '80'. */
  words: string[];
  value: unknown;
}

/** The rules of a Service on a node; without one, in the reader's network. undefined where they may not be seen. */
export type RulesOfService = (service: Service, node?: Node) => ServiceRule[] | undefined;

/**
 * Finds the rules that lead to a Service, in any table: Vitrine's, and those of kube-proxy's nftables mode (KEP-3866), as
 * both look addresses up in maps of verdicts.
 */
export function rulesOfServices({ readRules }: Pick<Snapshot, 'readRules'>): RulesOfService {
  const known = new Map<NftObject[], Map<string, Table>>();
  return (service, node) => {
    const ruleset = readRules(node);
    if (!ruleset) return undefined;
    const tables = known.get(ruleset) ?? tablesOf(ruleset);
    known.set(ruleset, tables);
    return findRules(tables, wantedKeys(service));
  };
}

function findRules(tables: Map<string, Table>, wanted: string[][]): ServiceRule[] {
  const rules: ServiceRule[] = [];
  for (const [table, { chains, maps }] of tables) {
    for (const [name, elements] of maps) {
      for (const { words, value } of elements) {
        if (!wanted.some((all) => all.every((word) => words.includes(word)))) continue;
        const found: ServiceRule = { table, in: name, match: words.join(' '), chains: [], endpoints: [], verdicts: [] };
        follow(value, chains, found);
        rules.push({ ...found, endpoints: [...new Set(found.endpoints)], verdicts: [...new Set(found.verdicts)] });
      }
    }
  }
  return rules;
}

/** Words that an element must have all: address, protocol and port; or protocol and node port. */
function wantedKeys({ spec, status }: Service): string[][] {
  const addresses = [
    ...(spec.clusterIPs ?? [spec.clusterIP]),
    ...(spec.externalIPs ?? []),
    ...(status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip),
  ].filter((ip) => ip !== undefined && ip !== 'None');
  return (spec.ports ?? []).flatMap(({ port, nodePort, protocol = 'TCP' }) => [
    ...addresses.map((ip) => [ip!, protocol.toLowerCase(), String(port)]),
    ...(nodePort ? [[protocol.toLowerCase(), String(nodePort)]] : []),
  ]);
}

function tablesOf(ruleset: NftObject[]): Map<string, Table> {
  const tables = new Map<string, Table>();
  const tableOf = ({ family, table }: Record<string, unknown>): Table => {
    const name = `${family} ${table}`;
    const known = tables.get(name) ?? { chains: new Map(), maps: new Map() };
    tables.set(name, known);
    return known;
  };
  for (const object of ruleset) {
    const [kind, value] = Object.entries(object)[0] as [string, Record<string, unknown>];
    if (kind === 'rule') {
      const { chains } = tableOf(value);
      const chain = String(value.chain);
      chains.set(chain, [...(chains.get(chain) ?? []), value.expr]);
    } else if (kind === 'map' || kind === 'set') {
      const elements = (value.elem as unknown[] | undefined) ?? [];
      tableOf(value).maps.set(
        String(value.name),
        elements.map((one) => {
          const [key, verdict] = kind === 'map' ? (one as [unknown, unknown]) : [one];
          return { words: keyWords(key), value: verdict };
        }),
      );
    }
  }
  return tables;
}

/** Those of { concat: [...] }, also within { elem: { val } } of elements with timeouts. */
function keyWords(key: unknown): string[] {
  if (typeof key !== 'object' || key === null) return [String(key)];
  const { elem, concat } = key as { elem?: { val: unknown }; concat?: unknown[] };
  return elem ? keyWords(elem.val) : (concat ?? []).map(String);
}

/** Goes through verdicts and chains to the addresses that packets are sent to. */
function follow(value: unknown, chains: Map<string, unknown[]>, found: ServiceRule): void {
  if (Array.isArray(value)) for (const one of value) follow(one, chains, found);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    const target = (inner as { target?: string } | null)?.target;
    if ((key === 'goto' || key === 'jump') && target !== undefined) {
      if (found.chains.includes(target)) continue;
      found.chains.push(target);
      for (const rule of chains.get(target) ?? []) follow(rule, chains, found);
    } else if (key === 'dnat') found.endpoints.push(...destinations(inner));
    else if (key === 'drop' || key === 'reject' || key === 'accept') found.verdicts.push(key);
    else follow(inner, chains, found);
  }
}

/** One address, or a map from a random number to addresses. */
function destinations(dnat: unknown): string[] {
  const { addr, port } = dnat as { addr?: unknown; port?: number };
  if (typeof addr === 'string') return [port === undefined ? addr : formatAddress(addr, port)];
  const set = (addr as { map?: { data?: { set?: [unknown, { concat?: [string, number] }][] } } } | undefined)?.map?.data
    ?.set;
  return (set ?? []).map(([, to]) => (to.concat ? formatAddress(...to.concat) : String(to)));
}
