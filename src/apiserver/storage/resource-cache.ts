import { expired } from '../../api/status-error.ts';
import type { StoreEvent } from '../../store/store.ts';
import { type CacheEntry, deletedEntry, entryOf } from './cache-entry.ts';
import { EventRing } from './event-ring.ts';
import type { PendingWrites } from './pending-writes.ts';

/** One change, as watchers see it. */
export interface CacheEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  revision: number;
  /** The new state; on DELETED the last one, with the revision of the deletion. */
  entry: CacheEntry;
  previous: CacheEntry | undefined;
  /** The bytes that plain watchers send, while the event is being handed out. */
  frame?: Buffer | undefined;
}

export type CacheListener = (event: CacheEvent) => void;

/** The current objects of one storage prefix, in key order, with its most recent events. Fed by WatchCache alone. */
export class ResourceCache {
  readonly prefix: string;
  /** Every current object by key. */
  readonly #entries = new Map<string, CacheEntry>();
  /** The keys of #entries, ascending. */
  readonly #keys: string[] = [];
  /** Recent events, for watches that resume. */
  readonly #ring: EventRing;
  readonly #listeners = new Set<CacheListener>();
  /** How many changes there were, the first fill included; only grows. */
  #changes = 0;

  constructor(prefix: string, sinceRevision: number) {
    this.prefix = prefix;
    this.#ring = new EventRing(sinceRevision);
  }

  get(key: string): CacheEntry | undefined {
    return this.#entries.get(key);
  }

  get changes(): number {
    return this.#changes;
  }

  get size(): number {
    return this.#keys.length;
  }

  /** Current objects whose keys begin with `prefix`, in order; `after` starts behind that key. */
  list(prefix: string = this.prefix, after?: string): CacheEntry[] {
    const found: CacheEntry[] = [];
    const from = after === undefined ? this.#lowerBound(prefix) : this.#lowerBound(`${after}\0`);
    for (let i = from; i < this.#keys.length; i++) {
      const key = this.#keys[i]!;
      if (!key.startsWith(prefix)) break;
      found.push(this.#entries.get(key)!);
    }
    return found;
  }

  /** Events after `revision`; throws 410 Expired when some of them are forgotten. */
  eventsAfter(revision: number): CacheEvent[] {
    if (revision < this.#ring.since) {
      // apiserver pkg/storage/cacher/watch_cache.go getAllEventsSinceLocked
      throw expired(`too old resource version: ${revision} (${this.#ring.since})`);
    }
    return this.#ring.after(revision);
  }

  listen(listener: CacheListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** An object of the first fill: ordered, without an event. */
  load(entry: CacheEntry): void {
    this.#changes++;
    this.#insert(entry);
  }

  apply(event: StoreEvent, pending: PendingWrites): void {
    const change = event.type === 'put' ? this.#put(event, pending) : this.#delete(event);
    if (!change) return;
    this.#changes++;
    this.#ring.push(change);
    for (const listener of this.#listeners) listener(change);
    change.frame = undefined;
    change.previous?.forgetObject();
    if (change.type === 'DELETED') change.entry.forgetObject();
  }

  #put(event: StoreEvent, pending: PendingWrites): CacheEvent {
    const value = event.value!;
    const previous = this.#entries.get(event.key);
    const entry = entryOf(event.key, value, event.revision, pending.take(event.key, value));
    this.#insert(entry);
    return { type: previous ? 'MODIFIED' : 'ADDED', revision: event.revision, entry, previous };
  }

  #delete(event: StoreEvent): CacheEvent | undefined {
    const previous = this.#entries.get(event.key);
    if (!previous) return undefined;
    this.#entries.delete(event.key);
    this.#keys.splice(this.#lowerBound(event.key), 1);
    const entry = deletedEntry(previous, event.revision);
    return { type: 'DELETED', revision: event.revision, entry, previous };
  }

  #insert(entry: CacheEntry): void {
    if (!this.#entries.has(entry.key)) {
      const last = this.#keys.at(-1);
      if (last === undefined || last < entry.key) this.#keys.push(entry.key);
      else this.#keys.splice(this.#lowerBound(entry.key), 0, entry.key);
    }
    this.#entries.set(entry.key, entry);
  }

  /** Index of the first key that is not smaller than `key`. */
  #lowerBound(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
