import { keyOf } from '../api/object.ts';
import { endpointSlices, services } from '../api/resource.ts';
import type { Logger } from '../base/log.ts';
import type { InformerFactory } from '../client/informer.ts';
import type { Linux } from '../linux/linux.ts';
import type { AddressPlan } from './address-plan.ts';
import type { ServiceProxy } from './network.ts';
import { planServiceRules } from './plan-service-rules.ts';
import { RuleTable, type TableRules } from './rule-table.ts';
import { tableSkeleton } from './service-table.ts';
import { SliceIndex } from './slice-index.ts';

/** Shortest time between the starts of two updates; the first after a quiet time is made at once. */
const batchMs = 20;
const retryMs = 1000;

export interface ServiceProxyOptions {
  informers: InformerFactory;
  linux: Pick<Linux, 'nft'>;
  plan: AddressPlan;
  nodeName: string;
  /** Whether traffic from outside to the addresses of load balancers comes to this node. @default false */
  announces?: boolean;
  log: Logger;
}

export function createServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  return new NftServiceProxy(options);
}

class NftServiceProxy implements ServiceProxy {
  readonly #options: ServiceProxyOptions;
  /** Slices by Service; set while started. */
  #slices: SliceIndex | undefined;
  /** What the kernel has; undefined before the first update and after a failed one, when all is written anew. */
  #table: RuleTable | undefined;
  /** Keys of Services that changed since the last update began. */
  #dirty = new Set<string>();
  /** The update under way or waited for. */
  #timer: NodeJS.Timeout | undefined;
  /** Whether an update is being applied; only one is at a time. */
  #applying = false;
  /** When the last update began and how long it took, in milliseconds. */
  #lastStart = 0;
  #lastDuration = 0;
  /** Whether the informers have their first lists: earlier, the table would lose Services that exist. */
  #ready = false;
  /** Called once nothing is dirty. */
  #waiting: (() => void)[] = [];
  #unsubscribe: (() => void) | undefined;

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { informers } = this.#options;
    const informer = informers.informer(services);
    const changed = (key: string) => this.#mark(key);
    this.#slices = new SliceIndex(informers, changed);
    this.#unsubscribe = informer.on({
      added: (service) => changed(keyOf(service)),
      updated: (service) => changed(keyOf(service)),
      deleted: (service) => changed(keyOf(service)),
    });
    Promise.all([informer.whenSynced(), informers.informer(endpointSlices).whenSynced()]).then(
      () => {
        this.#ready = true;
        this.#schedule(0);
      },
      (error) => this.#options.log.error('cannot read Services', { error }),
    );
  }

  whenSynced(): Promise<void> {
    if (this.#isSynced()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Rules stay: Pods go on being served while we are away. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#slices?.close();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#ready = false;
  }

  #isSynced(): boolean {
    return this.#ready && this.#table !== undefined && this.#dirty.size === 0 && !this.#applying;
  }

  #mark(key: string): void {
    this.#dirty.add(key);
    // A busy table rests as long as it works, so that many changes become few updates.
    const earliest = this.#lastStart + Math.max(batchMs, 2 * this.#lastDuration);
    this.#schedule(Math.max(0, earliest - performance.now()));
  }

  #schedule(delayMs: number): void {
    if (!this.#ready || this.#timer || this.#applying) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#update();
    }, delayMs);
  }

  async #update(): Promise<void> {
    this.#applying = true;
    this.#lastStart = performance.now();
    const retry = !(await this.#apply());
    this.#lastDuration = performance.now() - this.#lastStart;
    this.#applying = false;
    if (retry) this.#schedule(retryMs);
    else if (this.#dirty.size > 0) this.#schedule(Math.max(0, this.#lastStart + batchMs - performance.now()));
    else for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Whether the kernel took it. */
  async #apply(): Promise<boolean> {
    const { informers, linux, plan, log } = this.#options;
    const first = this.#table === undefined;
    const table = this.#table ?? new RuleTable(plan.nftTable);
    const keys = first ? informers.informer(services).list().map(keyOf) : [...this.#dirty];
    this.#dirty = new Set();
    const changes = new Map(keys.map((key) => [key, this.#plan(key)]));
    const lost = table.lostFlows(changes);
    const script = table.change(changes);
    try {
      if (first) await linux.nft.apply(tableSkeleton(plan) + script);
      else if (script) await linux.nft.apply(script);
      this.#table = table;
      if (lost.length > 0)
        await linux.nft.forgetFlows(lost).catch((error) => log.warn('cannot forget UDP flows', { error }));
      return true;
    } catch (error) {
      this.#table = undefined;
      log.error('cannot program Services, writing all anew', { error });
      return false;
    }
  }

  #plan(key: string): TableRules | undefined {
    const { informers, plan, nodeName, announces = false } = this.#options;
    const service = informers.informer(services).get(key);
    return service && planServiceRules(service, this.#slices?.of(key) ?? [], { plan, nodeName, announces });
  }
}
