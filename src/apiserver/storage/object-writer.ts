import type { KubeObject } from '../../api/object.ts';
import type { PutOptions, Store } from '../../store/store.ts';
import { type CacheEntry, encodeStored, entryOf } from './cache-entry.ts';
import { storagePrefixOf } from './storage-key.ts';
import type { WatchCache } from './watch-cache.ts';

/** Why a creation came to nothing: the key exists, or its guard says that it was decided on what has changed. */
export type NotCreated = 'exists' | 'outdated';

/**
 * Writes objects by compare-and-swap. When a write returns, the cache has seen it: what one has written, one can read.
 * `undefined` means lost: the key was written by another in between (and the cache has seen that, too).
 */
export class ObjectWriter {
  readonly #store: Store;
  readonly #cache: WatchCache;

  constructor(store: Store, cache: WatchCache) {
    this.#store = store;
    this.#cache = cache;
  }

  /** A write is being decided on. */
  expect(): void {
    this.#store.expectWrite?.();
  }

  async create(key: string, object: KubeObject, options: PutOptions = {}): Promise<CacheEntry | NotCreated> {
    return (await this.#put(key, object, 0, options)) ?? (this.#cached(key) ? 'exists' : 'outdated');
  }

  async update(current: CacheEntry, object: KubeObject, options: PutOptions = {}): Promise<CacheEntry | undefined> {
    return this.#put(current.key, object, current.revision, options);
  }

  /** The revision of the deletion. */
  async delete(current: CacheEntry): Promise<number | undefined> {
    const result = await this.#store.delete(current.key, current.revision);
    if (!result.ok) {
      await this.#seeOther(result.current?.modRevision);
      return undefined;
    }
    await this.#cache.whenSeen(result.revision);
    return result.revision;
  }

  async #put(key: string, object: KubeObject, expected: number, options: PutOptions): Promise<CacheEntry | undefined> {
    const value = encodeStored(object);
    const { pending } = this.#cache;
    pending.add(key, value, object);
    try {
      const result = await this.#store.put(key, value, expected, options);
      if (result.ok) {
        await this.#cache.whenSeen(result.revision);
        const seen = this.#cached(key);
        return seen?.revision === result.revision ? seen : entryOf(key, value, result.revision);
      }
      // What a guard found is not told either.
      await this.#seeOther(options.guard ? undefined : result.current?.modRevision);
      return undefined;
    } finally {
      // It failed, or the cache has seen something newer only.
      pending.drop(value);
    }
  }

  #cached(key: string): CacheEntry | undefined {
    return this.#cache.resource(storagePrefixOf(key)).get(key);
  }

  /** Waits for the write that won, so that a retry sees it. A deletion has no revision to wait for: ask for the newest. */
  async #seeOther(revision: number | undefined): Promise<void> {
    await this.#cache.whenSeen(revision ?? (await this.#store.currentRevision()));
  }
}
