import { setTimeout as sleep } from 'node:timers/promises';
import { GrpcError, grpcCodes } from '../base/grpc.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import { type EtcdAddress, EtcdConnection } from './etcd-connection.ts';
import {
  type Comparison,
  decodeRange,
  decodeTxn,
  decodeWatch,
  encodeCompact,
  encodeDeleteRange,
  encodeLeaseGrant,
  encodeRange,
  encodeTxn,
  encodeWatchCreate,
  methods,
  type Operation,
  type RangeRequest,
  type RangeResponse,
  type WatchEvent,
} from './etcd-messages.ts';
import {
  CompactedError,
  FutureRevisionError,
  type KeyValue,
  type PutOptions,
  prefixEnd,
  type RangeOptions,
  type RangeResult,
  type Store,
  type StoreEvent,
  type Watcher,
  type WriteResult,
} from './store.ts';
import { Watch } from './watchers.ts';

export interface EtcdStoreOptions extends EtcdAddress {
  /**
   * Stands before all keys of this store, such as '/vitrine/default'; other stores in the same etcd must have others. Keys
   * should begin with a slash, so that no prefix runs into another.
   */
  prefix: string;
  log?: Logger;
}

/** A store in etcd, which other servers may use at the same time. */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const store = new EtcdStore(options);
  try {
    await store.opened();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

/** Removes everything that the store at this prefix holds. */
export async function deleteEtcdStore({ prefix, log = silentLogger, ...address }: EtcdStoreOptions): Promise<void> {
  const connection = new EtcdConnection(address, log);
  try {
    await connection.write(methods.deleteRange, encodeDeleteRange(prefix));
    await connection.write(methods.deleteRange, encodeDeleteRange(`${prefix}/`, prefixEnd(`${prefix}/`)));
  } finally {
    await connection.close();
  }
}

/** Ranges are read in pages of so many keys, all of one revision: one answer should not hold everything. */
const pageKeys = 1000;
const watchRetryMs = 200;

/**
 * The store's contract on etcd's own revisions. etcd counts one revision for all its users; what this store wrote last
 * is the revision of its head, a key that each write touches in the same transaction. So the freshness of what has been
 * read of this store can be told without waiting for changes that are somebody else's.
 */
class EtcdStore implements Store {
  readonly shared = true;
  readonly #connection: EtcdConnection;
  readonly #log: Logger;
  readonly #prefix: string;
  readonly #leases: Leases;

  constructor({ prefix, log = silentLogger, ...address }: EtcdStoreOptions) {
    this.#connection = new EtcdConnection(address, log);
    this.#log = log;
    this.#prefix = prefix;
    this.#leases = new Leases(this.#connection);
  }

  /** Resolves when etcd has answered and the head is there. */
  async opened(): Promise<void> {
    const absent: Comparison = { key: this.#prefix, modRevision: { is: 'equal', to: 0 } };
    await this.#txn([absent], [this.#touchHead()], []);
  }

  async currentRevision(): Promise<number> {
    const { items } = await this.#range({ key: this.#prefix });
    if (!items[0]) throw new Error(`etcd has lost ${this.#prefix}: was the cluster deleted?`);
    return items[0].modRevision;
  }

  async get(key: string): Promise<KeyValue | undefined> {
    const { items } = await this.#range({ key: this.#prefix + key });
    return items[0] && this.#own(items[0]);
  }

  async range(start: string, end: string, options: RangeOptions = {}): Promise<RangeResult> {
    const items: KeyValue[] = [];
    const limit = options.limit || Number.POSITIVE_INFINITY;
    const { key, end: last } = this.#bounds({ start, end });
    let from = key;
    let revision = options.revision ?? 0;
    let count = -1;
    for (;;) {
      const request = { key: from, end: last, limit: Math.min(pageKeys, limit - items.length), revision };
      const page = await this.#range(request).catch((error) => this.#explain(error, revision));
      revision ||= page.revision;
      if (count < 0) count = page.count;
      for (const item of page.items) items.push(this.#own(item));
      if (!page.more || items.length >= limit) return { items, revision, more: page.more, count };
      from = `${this.#prefix}${items.at(-1)!.key}\0`;
    }
  }

  async put(key: string, value: Uint8Array, expectedRevision: number, options: PutOptions = {}): Promise<WriteResult> {
    const { ttlSeconds, guard } = options;
    const put: { key: string; value: Uint8Array; lease?: number } = { key: this.#prefix + key, value };
    if (ttlSeconds) put.lease = await this.#leases.lease(ttlSeconds);
    const unchanged: Comparison[] = guard
      ? [{ ...this.#bounds(guard), modRevision: { is: 'less', to: guard.revision + 1 } }]
      : [];
    return this.#write(key, expectedRevision, { put }, unchanged);
  }

  async delete(key: string, expectedRevision: number): Promise<WriteResult> {
    if (expectedRevision === 0) return { ok: false, current: await this.get(key) };
    return this.#write(key, expectedRevision, { delete: { key: this.#prefix + key } });
  }

  watch(start: string, end: string, afterRevision: number, watcher: Watcher): () => void {
    const watch = new Watch(start, end, afterRevision, watcher);
    let cancel = () => {};
    void this.#follow(watch, (undo) => {
      cancel = undo;
    });
    return () => {
      watch.cancel();
      cancel();
    };
  }

  /** Of all of etcd. Several servers each ask for what was old enough by their own clocks: the first one wins. */
  async compact(revision: number): Promise<void> {
    try {
      await this.#connection.write(methods.compact, encodeCompact(revision));
    } catch (error) {
      await this.#explain(error, revision).catch((explained) => {
        if (!(explained instanceof CompactedError)) throw explained;
      });
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Carries out the operation if the key's last revision is the expected one, and more; else says what is there. */
  async #write(key: string, expected: number, operation: Operation, more: Comparison[] = []): Promise<WriteResult> {
    const full = this.#prefix + key;
    const { succeeded, revision, ranges } = await this.#txn(
      [{ key: full, modRevision: { is: 'equal', to: expected } }, ...more],
      [operation, this.#touchHead()],
      [{ range: { key: full } }],
    );
    if (succeeded) return { ok: true, revision };
    const current = ranges[0]?.items[0];
    return { ok: false, current: current && this.#own(current) };
  }

  #touchHead(): Operation {
    return { put: { key: this.#prefix, value: headValue } };
  }

  async #txn(compare: Comparison[], success: Operation[], failure: Operation[]) {
    return decodeTxn(await this.#connection.write(methods.txn, encodeTxn({ compare, success, failure })));
  }

  async #range(request: RangeRequest): Promise<RangeResponse> {
    return decodeRange(await this.#connection.read(methods.range, encodeRange(request)));
  }

  #bounds({ start, end }: { start: string; end: string }): { key: string; end: string } {
    return { key: this.#prefix + start, end: this.#prefix + end };
  }

  /** As the store's users know it. */
  #own(item: KeyValue): KeyValue {
    item.key = item.key.slice(this.#prefix.length);
    return item;
  }

  /** Delivers until the watch ends, over as many streams as it takes. */
  async #follow(watch: Watch, onStream: (cancel: () => void) => void): Promise<void> {
    while (!watch.ended && !this.#connection.closed) {
      try {
        await this.#stream(watch, onStream);
      } catch (error) {
        if (watch.ended || this.#connection.closed) return;
        this.#log.warn('watch of etcd interrupted', { after: watch.delivered, error });
      }
      await sleep(watchRetryMs, undefined, { ref: false });
    }
  }

  /** One stream, from what the watch has been given until the stream ends. */
  #stream(watch: Watch, onStream: (cancel: () => void) => void): Promise<void> {
    const { key, end } = this.#bounds(watch);
    // From what was delivered last, which the watch leaves out, and not from behind it: of the very revision of a
    // compaction etcd forgets the deletions, and says nothing.
    const create = encodeWatchCreate(key, end, Math.max(1, watch.delivered));
    return new Promise((resolve, reject) => {
      const onMessages = (messages: Buffer[]) => {
        const responses = messages.map(decodeWatch);
        const events = responses.flatMap((response) => response.events.map((event) => this.#toStoreEvent(event)));
        if (events.length > 0) watch.deliver(events);
        const last = responses.at(-1)!;
        if (last.canceled === undefined) return;
        if (last.compactRevision > 0) watch.fail(new CompactedError(watch.delivered, last.compactRevision));
        reject(new Error(`etcd ended the watch: ${last.canceled || 'no reason given'}`));
      };
      const onEnd = (error: Error | undefined) => (error ? reject(error) : resolve());
      this.#connection.stream(methods.watch, create, { onMessages, onEnd }).then((cancel) => {
        onStream(cancel);
        if (watch.ended) cancel();
      }, reject);
    });
  }

  #toStoreEvent({ deleted, current, previous }: WatchEvent): StoreEvent {
    const { key, value, modRevision } = this.#own(current);
    const createRevision = deleted ? (previous?.createRevision ?? 0) : current.createRevision;
    return {
      type: deleted ? 'delete' : 'put',
      key,
      revision: modRevision,
      value: deleted ? undefined : value,
      previous: previous && this.#own(previous),
      createRevision,
    };
  }

  /** Refused revisions in the contract's words; etcd tells only by its text which of the two it is. */
  async #explain(error: unknown, revision: number): Promise<never> {
    if (!(error instanceof GrpcError) || error.code !== grpcCodes.OutOfRange) throw error;
    if (error.message.includes('has been compacted')) throw new CompactedError(revision, undefined);
    const { revision: current } = await this.#range({ key: this.#prefix });
    throw new FutureRevisionError(revision, current);
  }
}

const headValue = Buffer.from('vitrine store 1');

/**
 * Keys with a time to live share leases: a lease each would cost etcd more than the keys themselves (apiserver
 * pkg/storage/etcd3/lease_manager.go).
 */
class Leases {
  readonly #connection: EtcdConnection;
  /** The newest lease of each time to live, while it may be given to more keys. */
  readonly #shared = new Map<number, { id: Promise<number>; untilMs: number }>();

  constructor(connection: EtcdConnection) {
    this.#connection = connection;
  }

  /** A lease that ends after `ttlSeconds`, or up to a twentieth, at most a minute, later. */
  lease(ttlSeconds: number): Promise<number> {
    const shared = this.#shared.get(ttlSeconds);
    const now = performance.now();
    if (shared && now < shared.untilMs) return shared.id;
    const shareSeconds = Math.min(60, ttlSeconds / 20);
    const id = this.#grant(Math.ceil(ttlSeconds + shareSeconds));
    this.#shared.set(ttlSeconds, { id, untilMs: now + shareSeconds * 1000 });
    // The next key tries again.
    id.catch(() => this.#shared.delete(ttlSeconds));
    return id;
  }

  async #grant(ttlSeconds: number): Promise<number> {
    const id = 1 + Math.floor(Math.random() * (Number.MAX_SAFE_INTEGER - 1));
    await this.#connection.write(methods.leaseGrant, encodeLeaseGrant(ttlSeconds, id));
    return id;
  }
}
