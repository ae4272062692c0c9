import {
  CompactedError,
  FutureRevisionError,
  type KeyValue,
  type PutOptions,
  type RangeOptions,
  type RangeResult,
  type Store,
  type StoreEvent,
  type Watcher,
  type WriteResult,
} from './store.ts';
import { Watch } from './watchers.ts';

/** The whole contract in memory, for tests: nothing is durable, everything else is as in the real stores. */
export class MemoryStore implements Store {
  readonly shared = false;
  /** As etcd, the empty store is at revision 1: 0 means "no revision" everywhere. */
  #revision = 1;
  #compacted = 0;
  /** Every kept change, ascending by revision. */
  #history: StoreEvent[] = [];
  /** Per key its kept changes, ascending by revision. */
  readonly #versions = new Map<string, StoreEvent[]>();
  readonly #watches = new Set<Watch>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  async currentRevision(): Promise<number> {
    return this.#revision;
  }

  async get(key: string): Promise<KeyValue | undefined> {
    return this.#at(key, this.#revision);
  }

  async range(start: string, end: string, options: RangeOptions = {}): Promise<RangeResult> {
    const revision = options.revision ?? this.#revision;
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted);
    const keys = [...this.#versions.keys()].filter((key) => key >= start && key < end).sort();
    const all = keys.flatMap((key) => this.#at(key, revision) ?? []);
    const items = all.slice(0, options.limit || undefined);
    return { items, revision, more: items.length < all.length, count: all.length };
  }

  async put(key: string, value: Uint8Array, expectedRevision: number, options: PutOptions = {}): Promise<WriteResult> {
    const previous = this.#at(key, this.#revision);
    if ((previous?.modRevision ?? 0) !== expectedRevision) return { ok: false, current: previous };
    if (options.guard && !this.#isUnchanged(options.guard)) return { ok: false, current: previous };
    const revision = this.#revision + 1;
    const createRevision = previous?.createRevision ?? revision;
    // Callers may go on using their buffer.
    this.#append({ type: 'put', key, revision, value: Uint8Array.from(value), previous, createRevision });
    if (options.ttlSeconds) {
      const expire = () => void this.delete(key, revision);
      this.#timers.set(key, setTimeout(expire, options.ttlSeconds * 1000).unref());
    }
    return { ok: true, revision };
  }

  async delete(key: string, expectedRevision: number): Promise<WriteResult> {
    const previous = this.#at(key, this.#revision);
    if (!previous || previous.modRevision !== expectedRevision) return { ok: false, current: previous };
    const revision = this.#revision + 1;
    const { createRevision } = previous;
    this.#append({ type: 'delete', key, revision, value: undefined, previous, createRevision });
    return { ok: true, revision };
  }

  watch(start: string, end: string, afterRevision: number, watcher: Watcher): () => void {
    const watch = new Watch(start, end, afterRevision, watcher);
    queueMicrotask(() => {
      if (watch.ended) return;
      if (afterRevision < this.#compacted) {
        watch.fail(new CompactedError(afterRevision, this.#compacted));
        return;
      }
      this.#watches.add(watch);
      watch.deliver(this.#history);
    });
    return () => {
      watch.cancel();
      this.#watches.delete(watch);
    };
  }

  async compact(revision: number): Promise<void> {
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision <= this.#compacted) return;
    this.#compacted = revision;
    this.#history = this.#history.filter((event) => event.revision > revision);
    for (const [key, versions] of this.#versions) {
      const last = versions.findLastIndex((event) => event.revision <= revision);
      const kept = versions.slice(last >= 0 && versions[last]!.type === 'put' ? last : last + 1);
      if (kept.length > 0) this.#versions.set(key, kept);
      else this.#versions.delete(key);
    }
  }

  async close(): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#watches.clear();
  }

  #isUnchanged({ start, end, revision }: Required<PutOptions>['guard']): boolean {
    const keys = [...this.#versions.keys()].filter((key) => key >= start && key < end);
    return keys.every((key) => (this.#at(key, this.#revision)?.modRevision ?? 0) <= revision);
  }

  #at(key: string, revision: number): KeyValue | undefined {
    const event = this.#versions.get(key)?.findLast((one) => one.revision <= revision);
    if (!event || event.type === 'delete') return undefined;
    return { key, value: event.value!, createRevision: event.createRevision, modRevision: event.revision };
  }

  #append(event: StoreEvent): void {
    clearTimeout(this.#timers.get(event.key));
    this.#timers.delete(event.key);
    this.#revision = event.revision;
    this.#history.push(event);
    const versions = this.#versions.get(event.key);
    if (versions) versions.push(event);
    else this.#versions.set(event.key, [event]);
    // Watchers see a write before its caller goes on, as in the real stores: one batch a write.
    for (const watch of [...this.#watches]) watch.deliver([event]);
  }
}
