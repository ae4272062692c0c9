import fs from 'node:fs';
import type { FlowTarget } from '../linux/linux.ts';
import type { HostPort } from './network.ts';

interface Mapping {
  ip: string;
  ports: HostPort[];
}

/**
 * Ports of the node that belong to Pods, by sandbox, durable in a file: rules that are made anew after a restart of the
 * agent have them from the start.
 */
export class HostPortTable {
  readonly #file: string;
  /** The file says the same. */
  readonly #bySandbox: Map<string, Mapping>;

  constructor(file: string) {
    this.#file = file;
    this.#bySandbox = new Map(fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : []);
  }

  get size(): number {
    return this.#bySandbox.size;
  }

  set(sandboxId: string, ip: string, ports: HostPort[]): void {
    this.#bySandbox.set(sandboxId, { ip, ports });
    this.#write();
  }

  /** The targets that lost their ports; undefined if the sandbox had none. */
  delete(sandboxId: string): FlowTarget[] | undefined {
    const gone = this.#bySandbox.get(sandboxId);
    if (!this.#bySandbox.delete(sandboxId) || !gone) return undefined;
    this.#write();
    return gone.ports.flatMap(({ protocol, containerPort }) =>
      protocol === 'TCP'
        ? []
        : [{ protocol: protocol === 'UDP' ? 'udp' : 'sctp', address: gone.ip, port: containerPort }],
    );
  }

  ids(): string[] {
    return [...this.#bySandbox.keys()];
  }

  mappings(): Mapping[] {
    return [...this.#bySandbox.values()];
  }

  #write(): void {
    fs.writeFileSync(`${this.#file}.tmp`, JSON.stringify([...this.#bySandbox]));
    fs.renameSync(`${this.#file}.tmp`, this.#file);
  }
}

/** What the table of the Pod network has for host ports, to be put in its declaration; empty maps match nothing. */
export function hostPortRules(linkPrefix: string): string {
  return `
  map host-ports { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map host-address-ports { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
  set host-port-hairpin { type ipv4_addr . ipv4_addr; }
  chain host-ports {
    dnat ip to ip daddr . meta l4proto . th dport map @host-address-ports
    dnat ip to meta l4proto . th dport map @host-ports
  }
  chain host-ports-prerouting { type nat hook prerouting priority dstnat; policy accept; fib daddr type local jump host-ports; }
  chain host-ports-output { type nat hook output priority -100; policy accept; fib daddr type local jump host-ports; }
  chain host-ports-postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat ip saddr . ip daddr @host-port-hairpin masquerade fully-random
    ct status dnat ip saddr 127.0.0.0/8 oifname "${linkPrefix}*" masquerade fully-random
  }`;
}

/** The script that gives the maps these elements and no others. The first of two Pods that claim one port has it. */
export function hostPortElements(table: string, mappings: Mapping[]): string {
  const anywhere = new Map<string, string>();
  const ofAddress = new Map<string, string>();
  const hairpin = new Set<string>();
  for (const { ip, ports } of mappings) {
    hairpin.add(`${ip} . ${ip}`);
    for (const { protocol, hostPort, hostIP, containerPort } of ports) {
      const key = `${protocol.toLowerCase()} . ${hostPort}`;
      const target = `${ip} . ${containerPort}`;
      if (hostIP && hostIP !== '0.0.0.0') ofAddress.getOrInsert(`${hostIP} . ${key}`, target);
      else anywhere.getOrInsert(key, target);
    }
  }
  const lines = ['host-ports', 'host-address-ports'].map((map) => `flush map ip ${table} ${map}`);
  lines.push(`flush set ip ${table} host-port-hairpin`);
  const add = (name: string, elements: string[]) => {
    if (elements.length > 0) lines.push(`add element ip ${table} ${name} { ${elements.join(', ')} }`);
  };
  const pairs = (map: Map<string, string>) => [...map].map(([key, value]) => `${key} : ${value}`);
  add('host-ports', pairs(anywhere));
  add('host-address-ports', pairs(ofAddress));
  add('host-port-hairpin', [...hairpin]);
  return `${lines.join('\n')}\n`;
}
