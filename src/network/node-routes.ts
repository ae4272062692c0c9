import type { Node } from '../api/generated/core-v1.ts';
import { nodes } from '../api/resource.ts';
import type { Logger } from '../base/log.ts';
import type { Informer, InformerFactory } from '../client/informer.ts';
import type { Linux } from '../linux/linux.ts';
import type { AddressPlan } from './address-plan.ts';
import { overlaps } from './cidr.ts';
import { planNodeRoutes } from './plan-node-routes.ts';

const retryMs = 1000;

export interface NodeRoutesOptions {
  informers: InformerFactory;
  linux: Pick<Linux, 'net'>;
  plan: AddressPlan;
  nodeName: string;
  log: Logger;
}

/**
 * Pods of other nodes are reached through those nodes, which have to be on a link of ours: a route for each, and no tunnel.
 * Routes stay while the node process is away.
 */
export class NodeRoutes {
  readonly #options: NodeRoutesOptions;
  readonly #nodes: Informer<Node>;
  /** Gateways by range, as the kernel has them. */
  #present: Map<string, string> | undefined;
  /** The update under way; only one is at a time. */
  #updating = false;
  /** Whether something has changed since the update began. */
  #dirty = false;
  #retry: NodeJS.Timeout | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: NodeRoutesOptions) {
    this.#options = options;
    this.#nodes = options.informers.informer(nodes);
  }

  start(): void {
    const changed = () => void this.#update();
    this.#unsubscribe = this.#nodes.on({
      added: changed,
      // Heartbeats are of no interest.
      updated: (node, previous) => void (this.#route(node) === this.#route(previous) || changed()),
      deleted: changed,
    });
    void this.#nodes.whenSynced().then(changed);
  }

  stop(): void {
    this.#unsubscribe?.();
    clearTimeout(this.#retry);
  }

  #route(node: Node): string {
    return [...planNodeRoutes([node], this.#options.nodeName)].join();
  }

  async #update(): Promise<void> {
    if (!this.#nodes.synced) return;
    this.#dirty = true;
    if (this.#updating) return;
    this.#updating = true;
    try {
      while (this.#dirty) {
        this.#dirty = false;
        await this.#apply(planNodeRoutes(this.#nodes.list(), this.#options.nodeName));
      }
    } catch (error) {
      this.#present = undefined;
      this.#options.log.error('cannot set the routes to other nodes', { error });
      this.#retry = setTimeout(() => void this.#update(), retryMs);
    }
    this.#updating = false;
  }

  async #apply(wanted: Map<string, string>): Promise<void> {
    const { net } = this.#options.linux;
    const present = this.#present ?? (await this.#read());
    for (const [destination, gateway] of present)
      if (!wanted.has(destination)) await net.deleteRoute({ destination, gateway });
    for (const [destination, gateway] of wanted)
      if (present.get(destination) !== gateway) await net.replaceRoute({ destination, gateway });
    this.#present = wanted;
  }

  /** Those from before: ways to Pods that lead through a gateway. */
  async #read(): Promise<Map<string, string>> {
    const { linux, plan } = this.#options;
    const routes = await linux.net.routes();
    return new Map(
      routes.flatMap(({ destination, gateway }) =>
        gateway && !destination.endsWith('/0') && overlaps(destination, plan.podCidr) ? [[destination, gateway]] : [],
      ),
    );
  }
}
