import type { PutOptions } from './store.ts';

/**
 * What the store and its thread say to each other: one message per batch and direction, whose bytes are all values end to
 * end. The requests of a batch come with the values of all puts, in order.
 */

export type Request =
  | { op: 'put'; key: string; length: number; expected: number; ttlMs: number; guard: PutOptions['guard'] }
  | { op: 'delete'; key: string; expected: number }
  | { op: 'get'; key: string }
  | { op: 'range'; start: string; end: string; revision: number | undefined; limit: number; counted: boolean }
  | { op: 'revision' }
  | { op: 'replay'; start: string; end: string; after: number }
  | { op: 'compact'; revision: number }
  | { op: 'close' };

/** Its bytes are the values of all replies, then of `expired`, in order. */
export interface ReplyBatch {
  /** In the order of the requests, over all batches. */
  replies: Reply[];
  /** Changes that nobody asked for: expired keys. */
  expired: PackedChange[];
  /** The newest durable revision. */
  revision: number;
}

export type Reply =
  /** Of a put: the most frequent answer, and the shortest, as the caller knows the rest. */
  | { kind: 'created'; revision: number }
  | { kind: 'written'; change: PackedChange }
  | { kind: 'conflict'; current: PackedVersion | undefined }
  | { kind: 'found'; found: PackedVersion | undefined }
  | { kind: 'range'; items: PackedVersion[]; revision: number; more: boolean; count: number }
  | { kind: 'replayed'; changes: PackedChange[]; through: number; complete: boolean }
  | { kind: 'done' }
  | { kind: 'failed'; error: PackedError };

export interface PackedVersion {
  key: string;
  createRevision: number;
  modRevision: number;
  /** Of its value in the bytes. */
  length: number;
}

export interface PackedChange {
  key: string;
  revision: number;
  createRevision: number;
  deleted: boolean;
  /** Of its value in the bytes, followed by that of `previous`; 0 for a reply to a put, whose caller has the value. */
  length: number;
  previous: PackedVersion | undefined;
}

export interface PackedError {
  name: string;
  message: string;
  /** For CompactedError and FutureRevisionError: the arguments of their constructors. */
  revisions?: [asked: number, other: number | undefined];
}

/** What the thread is started with. */
export interface StoreThreadData {
  file: string;
  /** Memory of the two mailboxes. */
  requests: SharedArrayBuffer;
  replies: SharedArrayBuffer;
}

/** Collects bytes end to end. */
export class Packer {
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array();
  #length = 0;

  add(bytes: Uint8Array): number {
    const end = this.#length + bytes.length;
    // The old one is freed at once: a thread with little to do would not collect it for a long time.
    if (end > this.#buffer.length) this.#buffer = this.#resized(Math.max(end, 2 * this.#buffer.length));
    this.#buffer.set(bytes, this.#length);
    this.#length = end;
    return bytes.length;
  }

  /** What was added, in a buffer of just that size; nothing can be added any more. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#length < this.#buffer.length ? this.#resized(this.#length) : this.#buffer;
  }

  #resized(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.buffer.transfer(length));
  }
}

/** Reads back in the same order. */
export class Unpacker {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next bytes, as a view: it keeps the whole batch alive as long as it lives. */
  take(length: number): Uint8Array {
    const { buffer, byteOffset } = this.#bytes;
    const view = new Uint8Array(buffer, byteOffset + this.#offset, length);
    this.#offset += length;
    return view;
  }
}
