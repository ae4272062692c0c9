/**
 * Revisions and watches over bytes: etcd's model (a single, growing revision; compare-and-swap on a key's last
 * revision; ordered ranges; watches from a revision; compaction) behind one interface, so that SQLite and etcd
 * are interchangeable. It knows nothing about Kubernetes.
 */
export interface Store {
  /** Whether others may write to it at the same time: then what is in memory must be compared with `currentRevision`. */
  readonly shared: boolean;

  /** The revision of the newest write that is durable. Grows with each write; keys that expire need not be counted. */
  currentRevision(): Promise<number>;

  /** Says that a write is being decided on, which may come to nothing: a store that sleeps wakes up meanwhile. */
  expectWrite?(): void;

  get(key: string): Promise<KeyValue | undefined>;

  /** Keys in [start, end), ascending, as they were at `revision` (default: now). */
  range(start: string, end: string, options?: RangeOptions): Promise<RangeResult>;

  /**
   * Writes `value` if the key's last revision is `expectedRevision` (0: the key must not exist).
   * Resolves when the write is on disk; concurrent writes share one fsync.
   */
  put(key: string, value: Uint8Array, expectedRevision: number, options?: PutOptions): Promise<WriteResult>;

  /** Deletes the key if its last revision is `expectedRevision`. Durable when it resolves. */
  delete(key: string, expectedRevision: number): Promise<WriteResult>;

  /**
   * Calls `onEvents` with every change in [start, end) after `afterRevision`, in order, each exactly once, in batches
   * as they become durable. Calls `onError` once, and stops, if the revision is compacted (CompactedError).
   */
  watch(start: string, end: string, afterRevision: number, watcher: Watcher): () => void;

  /** Forgets the history before `revision`: older ranges and watches fail with CompactedError. */
  compact(revision: number): Promise<void>;

  close(): Promise<void>;
}

export interface KeyValue {
  key: string;
  value: Uint8Array;
  /** Revision of the write that created the key. */
  createRevision: number;
  /** Revision of the last write of the key. */
  modRevision: number;
}

export interface RangeOptions {
  /** Read as of this revision. @default the newest */
  revision?: number;
  /** At most this many; `more` says whether there are others. */
  limit?: number;
  /** Whether `count` is of interest: to find it may take longer than to read a page. @default true */
  counted?: boolean;
}

export interface RangeResult {
  items: KeyValue[];
  /** The revision that the answer is of. */
  revision: number;
  more: boolean;
  /** How many keys the range holds in all; of no meaning if it was not to be counted. */
  count: number;
}

export interface PutOptions {
  /** The key goes away by itself after this many seconds, or a little later (Events). */
  ttlSeconds?: number;
  /**
   * Refuses the write if any key that is in [start, end) now was written after `revision`: for what was decided on all
   * of them. A result with ok: false whose `current` is at the expected revision tells of it.
   */
  guard?: { start: string; end: string; revision: number };
}

export type WriteResult =
  | { ok: true; revision: number }
  /** Lost the compare-and-swap; `current` is what the key holds now (undefined: it does not exist). */
  | { ok: false; current: KeyValue | undefined };

export interface StoreEvent {
  type: 'put' | 'delete';
  key: string;
  /** The revision of this change. Keys that expire together may share one; their events then come in one batch. */
  revision: number;
  /** The new value; undefined on delete. */
  value: Uint8Array | undefined;
  /** The value before, if the key existed. */
  previous: KeyValue | undefined;
  createRevision: number;
}

export interface Watcher {
  onEvents(events: StoreEvent[]): void;
  onError(error: Error): void;
}

/** The asked revision is older than the last compaction. */
export class CompactedError extends Error {
  /** Not every store tells. */
  readonly compactRevision: number | undefined;

  constructor(revision: number, compactRevision: number | undefined) {
    const kept = compactRevision === undefined ? '' : `: the oldest that is kept is ${compactRevision}`;
    super(`revision ${revision} was compacted${kept}`);
    this.name = 'CompactedError';
    this.compactRevision = compactRevision;
  }
}

/** The asked revision is newer than the newest one. */
export class FutureRevisionError extends Error {
  readonly currentRevision: number;

  constructor(revision: number, currentRevision: number) {
    super(`revision ${revision} does not exist yet: the newest is ${currentRevision}`);
    this.name = 'FutureRevisionError';
    this.currentRevision = currentRevision;
  }
}

/** The end of the range of all keys that begin with `prefix`. */
export function prefixEnd(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
