import { expired } from '../../api/status-error.ts';
import { prefixEnd, type StoreEvent } from '../../store/store.ts';
import { type CacheEntry, deletedEntry, entryOf } from './cache-entry.ts';
import { EventRing } from './event-ring.ts';
import type { PendingWrites } from './pending-writes.ts';
import { SortedKeys } from './sorted-keys.ts';

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
  readonly #keys = new SortedKeys();
  /** Recent events, for watches that resume. */
  readonly #ring: EventRing;
  readonly #listeners = new Set<CacheListener>();
  /** How many changes there were, the first fill included; only grows. */
  #changes = 0;
  /** No change since this revision. */
  #changedAt: number;

  constructor(prefix: string, sinceRevision: number) {
    this.prefix = prefix;
    this.#ring = new EventRing(sinceRevision);
    this.#changedAt = sinceRevision;
  }

  get(key: string): CacheEntry | undefined {
    return this.#entries.get(key);
  }

  get changes(): number {
    return this.#changes;
  }

  /** The objects have been what they are since this revision, or longer. */
  get changedAt(): number {
    return this.#changedAt;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Current objects whose keys begin with `prefix`, in order; `after` starts behind that key. */
  list(prefix: string = this.prefix, after?: string, limit?: number): CacheEntry[] {
    const keys = this.#keys.range(after === undefined ? prefix : `${after}\0`, prefixEnd(prefix), limit);
    return keys.map((key) => this.#entries.get(key)!);
  }

  /** How many there are. */
  count(prefix: string, after?: string): number {
    return this.#keys.count(after === undefined ? prefix : `${after}\0`, prefixEnd(prefix));
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
    this.#changedAt = change.revision;
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
    this.#keys.delete(event.key);
    const entry = deletedEntry(previous, event.revision);
    return { type: 'DELETED', revision: event.revision, entry, previous };
  }

  #insert(entry: CacheEntry): void {
    if (!this.#entries.has(entry.key)) this.#keys.add(entry.key);
    this.#entries.set(entry.key, entry);
  }
}
