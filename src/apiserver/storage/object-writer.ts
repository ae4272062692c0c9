import type { KubeObject } from '../../api/object.ts';
import type { Store } from '../../store/store.ts';
import { type CacheEntry, encodeStored, entryOf } from './cache-entry.ts';
import { storagePrefixOf } from './storage-key.ts';
import type { WatchCache } from './watch-cache.ts';

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

  async create(key: string, object: KubeObject, ttlSeconds?: number): Promise<CacheEntry | undefined> {
    return this.#put(key, object, 0, ttlSeconds);
  }

  async update(current: CacheEntry, object: KubeObject, ttlSeconds?: number): Promise<CacheEntry | undefined> {
    return this.#put(current.key, object, current.revision, ttlSeconds);
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

  async #put(key: string, object: KubeObject, expected: number, ttlSeconds?: number): Promise<CacheEntry | undefined> {
    const value = encodeStored(object);
    const { pending } = this.#cache;
    pending.add(key, value, object);
    const options = ttlSeconds === undefined ? undefined : { ttlSeconds };
    const result = await this.#store.put(key, value, expected, options).catch((error) => {
      pending.drop(key, value);
      throw error;
    });
    if (!result.ok) {
      pending.drop(key, value);
      await this.#seeOther(result.current?.modRevision);
      return undefined;
    }
    await this.#cache.whenSeen(result.revision);
    const seen = this.#cache.resource(storagePrefixOf(key)).get(key);
    return seen?.revision === result.revision ? seen : entryOf(key, value, result.revision);
  }

  /** Waits for the write that won, so that a retry sees it. A deletion has no revision to wait for: ask for the newest. */
  async #seeOther(revision: number | undefined): Promise<void> {
    await this.#cache.whenSeen(revision ?? (await this.#store.currentRevision()));
  }
}
