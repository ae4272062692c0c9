import { setTimeout as sleep } from 'node:timers/promises';
import type { Node } from '../../api/generated/core-v1.ts';
import { nodes } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { ObjectReader } from '../request.ts';
import { getFromKubelet, type KubeletCredentials, kubeletAddressOf } from '../subresources/kubelet-connection.ts';
import { parseScrape, type Scrape } from './scrape.ts';

/** --metric-resolution of metrics-server. */
const resolutionMs = 15_000;
/** Figures that are older than this say nothing about now. */
const staleMs = 60_000;
/** How long two readings are apart when there is nothing to compare with yet. */
const firstWindowMs = 1000;
/** Kubelets are asked for so long after somebody has asked us. */
const interestMs = 90_000;
const timeoutMs = 10_000;

/** The last two scrapes of a node. */
export interface NodeScrapes {
  before: Scrape | undefined;
  last: Scrape;
}

export interface ResourceMetricsOptions {
  reader: ObjectReader;
  kubelet: KubeletCredentials | undefined;
  clock: Clock;
  log: Logger;
}

/**
 * Reads what nodes and Pods use off their kubelets, as metrics-server does, but only while somebody wants to know: a
 * cluster without an autoscaler in which nobody runs `kubectl top` pays nothing.
 */
export class ResourceMetrics {
  readonly #options: ResourceMetricsOptions;
  /** By node; nodes that do not answer, or are gone, are absent. */
  #scrapes = new Map<string, NodeScrapes>();
  /** When the newest of them were made. */
  #atMs = 0;
  /** When somebody asked last. */
  #askedMs = 0;
  /** The first readings, on which everybody who asks meanwhile waits. */
  #warming: Promise<void> | undefined;
  /** Cancels the next reading; undefined while none is planned. */
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(options: ResourceMetricsOptions) {
    this.#options = options;
  }

  /** What is known, no older than the resolution; the first to ask waits for a second. */
  async scrapes(): Promise<ReadonlyMap<string, NodeScrapes>> {
    const now = this.#options.clock.now();
    this.#askedMs = now;
    if (now - this.#atMs > staleMs) {
      this.#warming ??= this.#warmUp().finally(() => {
        this.#warming = undefined;
      });
    }
    await this.#warming;
    return this.#scrapes;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #warmUp(): Promise<void> {
    this.#scrapes = new Map();
    await this.#scrape();
    await sleep(firstWindowMs);
    await this.#scrape();
    this.#plan();
  }

  #plan(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const { clock } = this.#options;
    if (this.#stopped || clock.now() - this.#askedMs > interestMs) return;
    this.#cancel = clock.after(resolutionMs, () => void this.#scrape().then(() => this.#plan()));
  }

  async #scrape(): Promise<void> {
    const { reader, clock } = this.#options;
    const read = await Promise.all(
      reader.list(nodes).map(async (node) => [node.metadata.name, await this.#read(node)] as const),
    );
    const scrapes = new Map<string, NodeScrapes>();
    for (const [name, last] of read) if (last) scrapes.set(name, { before: this.#scrapes.get(name)?.last, last });
    this.#scrapes = scrapes;
    this.#atMs = clock.now();
  }

  async #read(node: Node): Promise<Scrape | undefined> {
    const { kubelet, log } = this.#options;
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const answer = await getFromKubelet(kubeletAddressOf(node), '/metrics/resource', kubelet, signal);
      const chunks: Uint8Array[] = [];
      for await (const chunk of answer) chunks.push(chunk);
      return parseScrape(Buffer.concat(chunks).toString('utf8'));
    } catch (error) {
      log.warn('cannot read what a node uses', { node: node.metadata.name, error });
      return undefined;
    }
  }
}
