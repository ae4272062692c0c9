import { isDeepStrictEqual } from 'node:util';
import type { Node } from '../api/generated/core-v1.ts';
import { keyOf } from '../api/object.ts';
import { nodes, services } from '../api/resource.ts';
import { overlaps } from '../base/cidr.ts';
import type { Logger } from '../base/log.ts';
import type { Informer, InformerFactory } from '../client/informer.ts';
import type { Linux, NetDevices } from '../linux/linux.ts';
import type { AddressPlan } from './address-plan.ts';
import { planLoadBalancerRoutes } from './plan-load-balancer-routes.ts';
import { planNodeRoutes } from './plan-node-routes.ts';
import { SliceIndex } from './slice-index.ts';

/** What the kernel refuses is tried again after so long, and after twice as long each time. */
const firstRetryMs = 1000;
const longestRetryMs = 60_000;

export interface NodeRoutesOptions {
  informers: InformerFactory;
  linux: Pick<Linux, 'net'>;
  plan: AddressPlan;
  nodeName: string;
  /** Whether traffic from outside to the addresses of load balancers comes to this node. */
  announces: boolean;
  log: Logger;
}

/**
 * Pods of other nodes are reached through those nodes, which have to be on a link of ours: a route for each, and no tunnel.
 * So are load balancers whose traffic only other nodes may take. Routes stay while the node process is away.
 */
export class NodeRoutes {
  readonly #options: NodeRoutesOptions;
  readonly #nodes: Informer<Node>;
  /** Routes of load balancers, by key of the Service; those that have any. */
  readonly #balancers = new Map<string, Map<string, string>>();
  /** Gateways by range, as the kernel has them. */
  #present: Map<string, string> | undefined;
  /** The update under way; only one is at a time. */
  #updating = false;
  /** Whether something has changed since the update began. */
  #dirty = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = firstRetryMs;
  #stopped = false;
  readonly #removals: (() => void)[] = [];

  constructor(options: NodeRoutesOptions) {
    this.#options = options;
    this.#nodes = options.informers.informer(nodes);
  }

  start(): void {
    const changed = () => void this.#update();
    const unsubscribe = this.#nodes.on({
      added: changed,
      // Heartbeats are of no interest.
      updated: (node, previous) => void (this.#route(node) === this.#route(previous) || changed()),
      deleted: changed,
    });
    this.#removals.push(unsubscribe);
    if (this.#options.announces) this.#followBalancers();
    void this.#nodes.whenSynced().then(changed);
  }

  stop(): void {
    this.#stopped = true;
    for (const remove of this.#removals.splice(0)) remove();
    clearTimeout(this.#retry);
  }

  #followBalancers(): void {
    const { informers, nodeName } = this.#options;
    const informer = informers.informer(services);
    const changed = (key: string) => {
      const service = informer.get(key);
      const wanted = service && planLoadBalancerRoutes(service, slices.of(key), this.#nodes.list(), nodeName);
      if (isDeepStrictEqual(wanted ?? new Map(), this.#balancers.get(key) ?? new Map())) return;
      if (wanted?.size) this.#balancers.set(key, wanted);
      else this.#balancers.delete(key);
      void this.#update();
    };
    const slices = new SliceIndex(informers, changed);
    const all = () => {
      for (const service of informer.list()) changed(keyOf(service));
    };
    this.#removals.push(
      () => slices.close(),
      informer.on({
        added: (service) => changed(keyOf(service)),
        updated: (service) => changed(keyOf(service)),
        deleted: (service) => changed(keyOf(service)),
      }),
      // The address of a node that came after its Pods.
      this.#nodes.on({ added: all, deleted: all }),
    );
  }

  #route(node: Node): string {
    return [...planNodeRoutes([node], this.#options.nodeName)].join();
  }

  async #update(): Promise<void> {
    if (!this.#nodes.synced) return;
    this.#dirty = true;
    if (this.#updating) return;
    this.#updating = true;
    clearTimeout(this.#retry);
    let done = true;
    while (this.#dirty && !this.#stopped) {
      this.#dirty = false;
      done = await this.#apply(this.#plan());
    }
    this.#updating = false;
    if (done) this.#retryMs = firstRetryMs;
    else if (!this.#stopped) {
      this.#retry = setTimeout(() => void this.#update(), this.#retryMs);
      this.#retryMs = Math.min(2 * this.#retryMs, longestRetryMs);
    }
  }

  #plan(): Map<string, string> {
    const balancers = [...this.#balancers.values()].flatMap((routes) => [...routes]);
    return new Map([...planNodeRoutes(this.#nodes.list(), this.#options.nodeName), ...balancers]);
  }

  /** Whether the kernel took all of it. One node that is on no link of ours keeps no other from its route. */
  async #apply(wanted: Map<string, string>): Promise<boolean> {
    const { linux, plan, log } = this.#options;
    const { net } = linux;
    try {
      const present = this.#present ?? (await routesToNodes(net, plan));
      const obsolete = [...present].filter(([destination]) => !wanted.has(destination));
      const missing = [...wanted].filter(([destination, gateway]) => present.get(destination) !== gateway);
      const results = await Promise.allSettled([
        ...obsolete.map(([destination, gateway]) => net.deleteRoute({ destination, gateway })),
        ...missing.map(([destination, gateway]) => net.replaceRoute({ destination, gateway })),
      ]);
      const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
      for (const error of errors) log.error('cannot set a route to another node', { error });
      this.#present = errors.length === 0 ? wanted : undefined;
    } catch (error) {
      this.#present = undefined;
      log.error('cannot read the routes to other nodes', { error });
    }
    return this.#present !== undefined;
  }
}

/** What the kernel has of these routes: ways to Pods and load balancers that lead through a gateway; by range. */
export async function routesToNodes(net: Pick<NetDevices, 'routes'>, plan: AddressPlan): Promise<Map<string, string>> {
  const routes = await net.routes();
  const ours = [plan.podCidr, plan.loadBalancerCidr];
  return new Map(
    routes.flatMap(({ destination, gateway }) =>
      gateway && !destination.endsWith('/0') && ours.some((range) => overlaps(range, destination))
        ? [[destination, gateway]]
        : [],
    ),
  );
}
