import type { Linux } from '../linux/linux.ts';
import type { AddressPlan } from './address-plan.ts';
import { switchLink } from './choose-addresses.ts';
import { allowLinks, disallowLinks } from './foreign-firewall.ts';
import { macOf, outwardMtu } from './pod-network.ts';

/** Files that pin the namespaces in which a node of this machine is another machine. */
export interface NodePins {
  net: string;
  uts: string;
}

/** The port of this machine. */
const ownPort = 'host';

/**
 * What joins the nodes of a cluster that are on one machine: a switch into which each is plugged, the first one with the
 * machine's own network, which is the gateway of the others.
 */
export class NodeSwitch {
  readonly #linux: Pick<Linux, 'net' | 'nft' | 'namespaces'>;
  /** As the first node sees it. */
  readonly #plan: AddressPlan;
  /** File that pins its namespace. */
  readonly #pin: string;

  constructor(linux: Pick<Linux, 'net' | 'nft' | 'namespaces'>, plan: AddressPlan, pin: string) {
    this.#linux = linux;
    this.#plan = plan;
    this.#pin = pin;
  }

  /** Makes the switch anew, with this machine plugged in. */
  async create(): Promise<void> {
    const { net, nft, namespaces } = this.#linux;
    const link = switchLink(this.#plan);
    // Left over from a crash: without its other end, as that has gone with the switch.
    await net.deleteLink(link);
    await namespaces.create({ net: this.#pin });
    await net.makeSwitch(this.#pin);
    await net.plugIn({ ...(await this.#plug(this.#plan.nodeAddress)), port: ownPort, link });
    await allowLinks(nft, link);
  }

  /** Makes the node's namespaces anew and plugs it in; nothing may run in them. */
  async connect(name: string, address: string, pins: NodePins): Promise<void> {
    const { net, namespaces } = this.#linux;
    const port = portOf(address);
    await net.unplug(this.#pin, port);
    await namespaces.create({ net: pins.net, uts: pins.uts }, { hostname: name });
    const plug = await this.#plug(address);
    await net.plugIn({ ...plug, port, netns: pins.net, link: 'eth0', gateway: this.#plan.nodeAddress });
  }

  /** The namespaces go with their last process, and all links and rules in them. */
  async disconnect(address: string, pins: NodePins): Promise<void> {
    await this.#linux.net.unplug(this.#pin, portOf(address));
    await this.#linux.namespaces.remove({ net: pins.net, uts: pins.uts });
  }

  async remove(): Promise<void> {
    const { net, nft, namespaces } = this.#linux;
    const link = switchLink(this.#plan);
    await disallowLinks(nft, link);
    await net.deleteLink(link);
    await namespaces.remove({ net: this.#pin });
  }

  async #plug(address: string) {
    const length = this.#plan.nodeCidr.split('/')[1];
    const mtu = await outwardMtu(this.#linux.net);
    return { switchNetns: this.#pin, mac: macOf(address), address: `${address}/${length}`, mtu };
  }
}

const portOf = (address: string): string => `node-${address.split('.').slice(2).join('.')}`;
