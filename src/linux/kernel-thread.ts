import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../base/log.ts';
import { type CallMessage, type ReplyMessage, unpackError } from './kernel-messages.ts';
import type { KernelEvent, Operations } from './operations.ts';

type Settle = { resolve(value: unknown): void; reject(error: Error): void };

/** This side of the kernel thread (worker.ts): calls become messages, one message a tick however many calls. */
export class KernelThread {
  readonly #worker: Worker;
  /** Calls not yet answered. */
  readonly #pending = new Map<number, Settle>();
  /** Calls of this tick, not yet sent. */
  #outbox: CallMessage[] = [];
  /** Number of the last call. */
  #lastId = 0;
  /** Reasons to keep the process alive. */
  #holds = 0;
  /** Set once the thread is gone: every later call rejects with it. */
  #ended: Error | undefined;
  readonly #onEvent: (event: KernelEvent) => void;
  /** Becomes 1 once the thread polls nothing any more. */
  readonly #quiet = new Int32Array(new SharedArrayBuffer(4));

  constructor(options: { log: Logger; onEvent: (event: KernelEvent) => void; netns?: string }) {
    this.#onEvent = options.onEvent;
    this.#worker = new Worker(workerUrl(), {
      name: 'vitrine:kernel',
      trackUnmanagedFds: false,
      // Its objects are few and short-lived: a small nursery costs nothing and keeps the thread's memory down.
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
      workerData: { quiet: this.#quiet, netns: options.netns },
    });
    this.#worker.on('message', (messages: (ReplyMessage | KernelEvent)[]) => {
      for (const message of messages) this.#receive(message);
    });
    this.#worker.on('error', (cause) => {
      options.log.error('kernel thread failed', { error: cause });
      this.#end(new Error('kernel thread failed', { cause }));
    });
    this.#worker.on('exit', () => {
      process.removeListener('exit', this.#stopPolling);
      this.#end(new Error('kernel thread is closed'));
    });
    this.#worker.unref();
    process.once('exit', this.#stopPolling);
  }

  call<K extends keyof Operations>(
    name: K,
    ...args: Parameters<Operations[K]>
  ): Promise<Awaited<ReturnType<Operations[K]>>> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    if (this.#outbox.push({ id, name, args }) === 1) queueMicrotask(() => this.#flush());
    this.hold();
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve: resolve as Settle['resolve'], reject }));
  }

  /** Keeps the process alive until as many releases: while an answer, an exit or a packet is awaited. */
  hold(): void {
    if (this.#holds++ === 0) this.#worker.ref();
  }

  release(): void {
    if (--this.#holds === 0) this.#worker.unref();
  }

  /** Ends the thread between two calls. */
  async close(): Promise<void> {
    await this.call('close').catch(() => {});
    await this.#worker.terminate();
  }

  /** A callback of the FFI into a dying thread aborts the process, so at its end the thread must stop polling first. */
  readonly #stopPolling = (): void => {
    if (this.#ended) return;
    this.#worker.postMessage('stop polling');
    Atomics.wait(this.#quiet, 0, 0, 1000);
  };

  #flush(): void {
    if (this.#ended) return;
    this.#worker.postMessage(this.#outbox);
    this.#outbox = [];
  }

  #receive(message: ReplyMessage | KernelEvent): void {
    if ('event' in message) {
      this.#onEvent(message);
      return;
    }
    const settle = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    this.release();
    if ('error' in message) settle?.reject(unpackError(message.error));
    else settle?.resolve(message.result);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}

/** The thread's file: beside this one as source, or in the bundle as linux-worker.js. */
function workerUrl(): URL {
  const source = new URL('./worker.ts', import.meta.url);
  if (fs.existsSync(fileURLToPath(source))) return source;
  return new URL('./linux-worker.js', import.meta.url);
}
