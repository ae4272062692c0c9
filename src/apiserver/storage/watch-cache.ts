import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { CompactedError, prefixEnd, type Store, type StoreEvent } from '../../store/store.ts';
import { entryOf } from './cache-entry.ts';
import { PendingWrites } from './pending-writes.ts';
import { ResourceCache } from './resource-cache.ts';
import { registryRoot, storagePrefixOf } from './storage-key.ts';

const defaultCompactionIntervalMs = 5 * 60_000;

const retryMs = 1000;
/** So many keys are read at a time: never is everything in memory twice. */
const fillPage = 1000;

/**
 * Everything that is stored, in memory: one range to fill it, one watch to keep it fresh. Because a single watch feeds
 * all resources, one revision says how fresh they all are.
 */
export class WatchCache {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly pending = new PendingWrites();
  /** One per storage prefix, made when its first key or its first reader appears. */
  readonly #resources = new Map<string, ResourceCache>();
  /** Every change up to this revision is in memory. */
  #seen = 0;
  /** The revision of the first fill: no events before it. */
  #filledAt = 0;
  /** History older than this is compacted; 0: none. */
  readonly #compactionIntervalMs: number;
  /** What is older has been compacted, as far as we did it. */
  #compacted = 0;
  /** Those who wait for a revision, unordered. */
  #waiting: { revision: number; resolve: () => void }[] = [];
  /** Why the store does not tell us of changes, until it does again. */
  #failure: Error | undefined;
  /** The newest question to a shared store, answered or not; never rejects. */
  #asked: Promise<unknown> = Promise.resolve();
  /** The question that will be put when #asked is answered, for all who came meanwhile. */
  #toAsk: Promise<void> | undefined;
  #stopWatch: () => void = () => {};
  #stopCompaction: () => void = () => {};
  #stopped = false;

  constructor(options: { store: Store; clock: Clock; log: Logger; compactionIntervalMs?: number | undefined }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#compactionIntervalMs = options.compactionIntervalMs ?? defaultCompactionIntervalMs;
  }

  /** Whether other servers write to the store, too. */
  get shared(): boolean {
    return this.#store.shared;
  }

  get compacted(): number {
    return this.#compacted;
  }

  get seen(): number {
    return this.#seen;
  }

  async start(): Promise<void> {
    let from = registryRoot;
    let revision: number | undefined;
    for (let more = true; more; ) {
      const page = await this.#store.range(from, prefixEnd(registryRoot), {
        revision,
        limit: fillPage,
        counted: false,
      });
      ({ revision, more } = page);
      this.#filledAt = revision;
      for (const { key, value, modRevision } of page.items) {
        this.resource(storagePrefixOf(key)).load(entryOf(key, value, modRevision));
        from = `${key}\0`;
      }
    }
    this.#seen = this.#filledAt;
    this.#watch();
    this.#scheduleCompaction(this.#filledAt);
  }

  stop(): void {
    this.#stopped = true;
    this.#stopWatch();
    this.#stopCompaction();
  }

  resource(prefix: string): ResourceCache {
    let cache = this.#resources.get(prefix);
    if (!cache) {
      cache = new ResourceCache(prefix, this.#filledAt);
      this.#resources.set(prefix, cache);
    }
    return cache;
  }

  /** Throws while what is read here may be stale. */
  requireHealthy(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Resolves when every change up to `revision` is in memory: what one has written, one can read. */
  whenSeen(revision: number): Promise<void> {
    if (revision <= this.#seen) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ revision, resolve }));
  }

  /**
   * Resolves when everything that anybody has written before this call is in memory (KEP-2340, consistent reads from
   * cache). Undefined: it is so already, as the store is ours alone.
   */
  fresh(): Promise<void> | undefined {
    if (!this.#store.shared) return undefined;
    // The answer to a question that is under way may be older than this call.
    this.#toAsk ??= this.#asked.then(() => {
      this.#toAsk = undefined;
      const answer = this.#ask();
      this.#asked = answer.catch(() => {});
      return answer;
    });
    return this.#toAsk;
  }

  async #ask(): Promise<void> {
    await this.whenSeen(await this.#store.currentRevision());
  }

  #watch(): void {
    this.#failure = undefined;
    this.#stopWatch = this.#store.watch(registryRoot, prefixEnd(registryRoot), this.#seen, {
      onEvents: (events) => this.#apply(events),
      onError: (error) => this.#retry(error),
    });
  }

  /** The store may come back. If its history has gone on without us (a shared store is compacted by all), we read it all. */
  #retry(error: Error): void {
    if (this.#stopped) return;
    this.#failure = error;
    this.#log.error('watch of the store ended', { error });
    const again = async () => {
      if (error instanceof CompactedError) await this.#catchUp();
      this.#watch();
    };
    this.#stopWatch = this.#clock.after(retryMs, () => void again().catch((failure) => this.#retry(failure)));
  }

  /** Makes the events that were missed out of what is there now: the newest of each object. */
  async #catchUp(): Promise<void> {
    const { items, revision } = await this.#store.range(registryRoot, prefixEnd(registryRoot));
    const present = new Set(items.map(({ key }) => key));
    const events: StoreEvent[] = items
      .filter(({ modRevision }) => modRevision > this.#seen)
      .map(({ modRevision, ...item }) => ({ ...item, type: 'put', revision: modRevision, previous: undefined }));
    events.sort((a, b) => a.revision - b.revision);
    for (const resource of this.#resources.values()) {
      for (const { key } of resource.list()) {
        const gone = {
          type: 'delete',
          key,
          revision,
          value: undefined,
          previous: undefined,
          createRevision: 0,
        } as const;
        if (!present.has(key)) events.push(gone);
      }
    }
    this.#apply(events);
    this.#seen = Math.max(this.#seen, revision);
    this.#wake();
  }

  #apply(events: StoreEvent[]): void {
    for (const event of events) {
      this.#seen = event.revision;
      this.resource(storagePrefixOf(event.key)).apply(event, this.pending);
    }
    if (this.#waiting.length > 0) this.#wake();
  }

  #wake(): void {
    const still: { revision: number; resolve: () => void }[] = [];
    for (const waiter of this.#waiting) {
      if (waiter.revision <= this.#seen) waiter.resolve();
      else still.push(waiter);
    }
    this.#waiting = still;
  }

  #scheduleCompaction(revision: number): void {
    if (this.#compactionIntervalMs === 0) return;
    this.#stopCompaction = this.#clock.after(this.#compactionIntervalMs, () => {
      this.#compacted = revision;
      this.#store.compact(revision).catch((error) => this.#log.warn('cannot compact the store', { revision, error }));
      this.#scheduleCompaction(this.#seen);
    });
  }
}
