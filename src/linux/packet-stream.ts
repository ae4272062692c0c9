import { Duplex } from 'node:stream';
import { unpackError } from './kernel-messages.ts';
import type { KernelThread } from './kernel-thread.ts';
import type { PacketStream } from './linux.ts';
import type { KernelEvent, Operations } from './operations.ts';

type PacketEvent = Extract<KernelEvent, { connection: number }>;

/** SOCK_SEQPACKET connections of the kernel thread as Node streams, one chunk a packet, with back-pressure both ways. */
export class PacketStreams {
  readonly #thread: KernelThread;
  /** Open connections by number; `written` is called once the socket has taken the last packet. */
  readonly #open = new Map<number, { stream: Duplex; written: (() => void) | undefined }>();
  /** Number of the last connection. */
  #lastId = 0;

  constructor(thread: KernelThread) {
    this.#thread = thread;
  }

  async connect(path: string): Promise<PacketStream> {
    const id = ++this.#lastId;
    const stream = new Duplex({
      objectMode: true,
      read: () => this.#call('seqpacket.pause', id, false),
      write: (chunk: Uint8Array, _encoding, done) => {
        const entry = this.#open.get(id);
        if (!entry) return done(new Error(`cannot write to ${path}: connection is closed`));
        entry.written = () => done();
        this.#call('seqpacket.write', id, new Uint8Array(chunk));
      },
      final: (done) => {
        this.#call('seqpacket.finish', id);
        done();
      },
      destroy: (error, done) => {
        this.#call('seqpacket.close', id);
        done(error);
      },
    });
    this.#open.set(id, { stream, written: undefined });
    this.#thread.hold();
    try {
      await this.#thread.call('seqpacket.open', id, path);
    } catch (error) {
      this.#forget(id);
      throw error;
    }
    return stream;
  }

  onEvent(message: PacketEvent): void {
    const entry = this.#open.get(message.connection);
    if (!entry) return;
    if (message.event === 'packet') {
      if (!entry.stream.push(message.data)) this.#call('seqpacket.pause', message.connection, true);
    } else if (message.event === 'drained') {
      const written = entry.written;
      entry.written = undefined;
      written?.();
    } else {
      this.#forget(message.connection);
      if (message.error) entry.stream.destroy(unpackError(message.error));
      else entry.stream.push(null);
    }
  }

  #forget(id: number): void {
    if (this.#open.delete(id)) this.#thread.release();
  }

  #call<K extends keyof Operations>(name: K, ...args: Parameters<Operations[K]>): void {
    this.#thread.call(name, ...args).catch(() => {}); // the thread is gone, and the streams with it
  }
}
