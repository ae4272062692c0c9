import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { containsAddress } from '../base/cidr.ts';
import { SyscallError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Linux, NetDevices } from '../linux/linux.ts';
import type { AddressPlan } from './address-plan.ts';
import { AddressPool } from './address-pool.ts';
import { allowLinks, disallowLinks } from './foreign-firewall.ts';
import { HostPortTable, hostPortElements } from './host-ports.ts';
import type { Bandwidth, HostPort, PodAddress, PodNetwork } from './network.ts';
import { routesToNodes } from './node-routes.ts';
import { podRules, podTable } from './pod-rules.ts';
import { policyTable } from './policy/policy-table.ts';

/** Gateway of every Pod. Nobody owns it: a permanent neighbour entry in the Pod maps it to `hostMac`. */
const gateway = '169.254.1.1';
/** Address of the host end of every pair; they never share a segment. */
const hostMac = 'ee:ee:ee:ee:ee:ee';

export interface PodNetworkOptions {
  linux: Linux;
  plan: AddressPlan;
  /** Directory on tmpfs for the table of addresses. */
  stateDir: string;
  clusterName: string;
  log: Logger;
}

export function createPodNetwork(options: PodNetworkOptions): PodNetwork {
  return new NodePodNetwork(options);
}

/** A routed network without a bridge: each Pod has a pair of its own, the host a /32 route to each. */
class NodePodNetwork implements PodNetwork {
  readonly #linux: Linux;
  readonly #plan: AddressPlan;
  readonly #log: Logger;
  readonly #stateDir: string;
  /** Begins the name of every Pod link of this cluster: 'vt1a2b-'. */
  readonly #linkPrefix: string;
  readonly #pool: AddressPool;
  readonly #hostPorts: HostPortTable;
  /** Sandboxes whose traffic passes through a link of its own. */
  readonly #shaped = new Set<string>();
  /** What attached Pods may send at once: that of the host's own way out, so that nothing needs fragments. */
  #mtu = 1500;

  constructor({ linux, plan, stateDir, clusterName, log }: PodNetworkOptions) {
    this.#linux = linux;
    this.#plan = plan;
    this.#log = log;
    this.#stateDir = stateDir;
    this.#linkPrefix = linkPrefix(clusterName);
    this.#pool = new AddressPool(plan.nodePodCidr, path.join(stateDir, 'addresses'));
    this.#hostPorts = new HostPortTable(path.join(stateDir, 'host-ports'));
  }

  /**
   * 1. Forwarding on. 2. The cluster's own link with the node's address, and that of cluster DNS. 3. Routes: the Service ranges end at that link
   * and unused Pod addresses nowhere, so that neither ever leaves by the default route. 4. Masquerade and guards, and a way through other firewalls.
   */
  async open(): Promise<void> {
    const { net, nft } = this.#linux;
    const { hostLink, podCidr, serviceCidr, loadBalancerCidr, nodeAddress, nodeCidr, dnsServiceIp } = this.#plan;
    this.#enableForwarding();
    // An address of the machine is on a link already.
    const own = containsAddress(nodeCidr, nodeAddress) ? [nodeAddress, dnsServiceIp] : [dnsServiceIp];
    await net.ensureDummy(
      hostLink,
      own.map((address) => `${address}/32`),
    );
    const routes = [serviceCidr, loadBalancerCidr].map((destination) => ({
      destination,
      link: hostLink,
      source: nodeAddress,
    }));
    await Promise.all([
      ...routes.map((route) => net.replaceRoute(route)),
      net.replaceRoute({ destination: podCidr, type: 'unreachable' }),
      nft.apply(podRules(this.#plan, this.#linkPrefix) + this.#hostPortScript()),
      allowLinks(nft, this.#linkPrefix),
      outwardMtu(net).then((mtu) => {
        this.#mtu = mtu;
      }),
    ]);
  }

  async attach(
    sandboxId: string,
    netns: string,
    hostPorts: HostPort[] = [],
    bandwidth: Bandwidth = {},
  ): Promise<PodAddress> {
    const ip = this.#pool.allocate(sandboxId);
    const address = this.#describe(sandboxId, ip);
    await this.#connect(sandboxId, netns, address);
    if (bandwidth.ingress || bandwidth.egress) await this.#limit(sandboxId, address, bandwidth);
    if (hostPorts.length > 0) await this.#mapPorts(sandboxId, address, hostPorts);
    return address;
  }

  async #connect(sandboxId: string, netns: string, address: PodAddress): Promise<void> {
    const attachment = {
      netns,
      hostLink: address.hostLink,
      hostMac,
      podMac: address.mac,
      address: address.ip,
      gateway,
      mtu: this.#mtu,
      hostAddress: this.#plan.nodeAddress,
    };
    try {
      await this.#linux.net.attachPod(attachment);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.code !== 'EEXIST') {
        this.#pool.free(sandboxId);
        throw error;
      }
      // A namespace of the same sandbox from before: its pair goes, this one comes.
      await this.#linux.net.deleteLink(address.hostLink);
      await this.#linux.net.attachPod(attachment);
    }
  }

  async #limit(sandboxId: string, { hostLink }: PodAddress, bandwidth: Bandwidth): Promise<void> {
    const shaper = this.#shaperName(sandboxId);
    // One of the same sandbox from before does not go with its pair.
    await this.#linux.net.deleteLink(shaper);
    await this.#linux.net.limitBandwidth({ hostLink, shaper, ...bandwidth });
    if (bandwidth.egress) this.#shaped.add(sandboxId);
  }

  async #mapPorts(sandboxId: string, { ip, hostLink }: PodAddress, hostPorts: HostPort[]): Promise<void> {
    this.#hostPorts.set(sandboxId, ip, hostPorts);
    await this.#linux.nft.apply(this.#hostPortScript());
    // The node's processes may come from 127.0.0.1; their answers have to find the way back (CNI portmap does the same).
    this.#linux.sysctl.set(`net.ipv4.conf.${hostLink}.route_localnet`, '1');
  }

  async #unmapPorts(sandboxIds: string[]): Promise<void> {
    const lost = sandboxIds.map((id) => this.#hostPorts.delete(id)).filter((targets) => targets !== undefined);
    if (lost.length === 0) return;
    await this.#linux.nft.apply(this.#hostPortScript());
    if (lost.flat().length > 0) await this.#linux.nft.forgetFlows(lost.flat());
  }

  #hostPortScript(): string {
    return hostPortElements(podTable(this.#plan), this.#hostPorts.mappings());
  }

  /** The pair goes with its namespace, all of them at once; deleting each link would take the kernel 20 ms. */
  async detach(sandboxId: string): Promise<void> {
    this.#pool.free(sandboxId);
    if (this.#shaped.delete(sandboxId)) await this.#linux.net.deleteLink(this.#shaperName(sandboxId));
    if (this.#hostPorts.size > 0) await this.#unmapPorts([sandboxId]);
  }

  address(sandboxId: string): PodAddress | undefined {
    const ip = this.#pool.get(sandboxId);
    return ip === undefined ? undefined : this.#describe(sandboxId, ip);
  }

  async retain(sandboxIds: string[]): Promise<void> {
    const wanted = new Set(sandboxIds);
    for (const id of this.#pool.ids()) if (!wanted.has(id)) this.#pool.free(id);
    await this.#unmapPorts(this.#hostPorts.ids().filter((id) => !wanted.has(id)));
    const links = new Map(
      sandboxIds.flatMap((id) => [this.#linkName(id), this.#shaperName(id)].map((name) => [name, id])),
    );
    await this.#deleteLinks((name) => !links.has(name));
    for (const { name } of await this.#linux.net.links()) {
      const id = links.get(name);
      if (id && name === this.#shaperName(id)) this.#shaped.add(id);
    }
  }

  async removeAll(): Promise<void> {
    const { net, nft } = this.#linux;
    const tables = (await nft.list('list tables ip')).split('\n').map((line) => line.replace(/ # handle.*/, ''));
    for (const name of [podTable(this.#plan), policyTable(this.#plan), this.#plan.nftTable])
      if (tables.includes(`table ip ${name}`)) await nft.apply(`delete table ip ${name}\n`);
    await disallowLinks(nft, this.#linkPrefix);
    await this.#deleteLinks(() => true);
    for (const [destination, gateway] of await routesToNodes(net, this.#plan))
      await net.deleteRoute({ destination, gateway });
    await net.deleteRoute({ destination: this.#plan.podCidr, type: 'unreachable' });
    await net.deleteLink(this.#plan.hostLink);
    await this.#restoreForwarding();
    fs.rmSync(this.#stateDir, { recursive: true, force: true });
  }

  async #deleteLinks(condemned: (name: string) => boolean): Promise<void> {
    for (const { name } of await this.#linux.net.links()) {
      const ours = name.startsWith(this.#linkPrefix) || name.startsWith(shaperOf(this.#linkPrefix));
      if (ours && condemned(name)) await this.#linux.net.deleteLink(name);
    }
  }

  #enableForwarding(): void {
    if (this.#linux.sysctl.get('net.ipv4.ip_forward') === '1') return;
    fs.writeFileSync(this.#forwardingMark, '');
    this.#linux.sysctl.set('net.ipv4.ip_forward', '1');
  }

  /** Off again if we turned it on and no other cluster, which would have found it on, is left. */
  async #restoreForwarding(): Promise<void> {
    if (!fs.existsSync(this.#forwardingMark)) return;
    const others = (await this.#linux.net.links()).filter(({ name }) => name.startsWith('vt-'));
    if (others.length === 0) this.#linux.sysctl.set('net.ipv4.ip_forward', '0');
    else this.#log.info('forwarding stays on for other clusters', { links: others.map(({ name }) => name) });
  }

  get #forwardingMark(): string {
    return path.join(this.#stateDir, 'enabled-forwarding');
  }

  #describe(sandboxId: string, ip: string): PodAddress {
    return { ip, mac: macOf(ip), hostLink: this.#linkName(sandboxId) };
  }

  #shaperName(sandboxId: string): string {
    return shaperOf(this.#linkName(sandboxId));
  }

  #linkName(sandboxId: string): string {
    return `${this.#linkPrefix}${hash(sandboxId, 8)}`;
  }
}

/** What the host's own way out takes at once. */
export async function outwardMtu(net: Pick<NetDevices, 'routes' | 'links'>): Promise<number> {
  const [routes, links] = await Promise.all([net.routes(), net.links()]);
  const way = routes.find((route) => route.destination === '0.0.0.0/0');
  return links.find((link) => link.name === way?.link)?.mtu ?? 1500;
}

/** How the links of a cluster's Pods begin on the host: 'vt1a2b-'. */
export function linkPrefix(clusterName: string): string {
  return `vt${hash(clusterName, 4)}-`;
}

/** The link that what comes from a Pod passes through when it is held to a rate: 'vb…' for 'vt…'. */
export const shaperOf = (link: string): string => link.replace(/^vt/, 'vb');

/** The host's end of a sandbox's pair of links. */
export function linkName(clusterName: string, sandboxId: string): string {
  return `${linkPrefix(clusterName)}${hash(sandboxId, 8)}`;
}

/** 0a:58 and the address: locally administered, and legible. */
export function macOf(ip: string): string {
  const bytes = ip.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return `0a:58:${bytes.join(':')}`;
}

function hash(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
