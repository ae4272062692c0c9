import { errorChain } from '../../src/base/log.ts';
import { LiveEncoder } from '../../src/inspect/live-encoder.ts';
import { liveHost, liveTables } from '../../src/inspect/live-tables.ts';
import type { LiveHost } from '../../src/inspect/live-types.ts';
import { readSnapshot } from '../../src/inspect/snapshot.ts';
import type { WatchedObjects } from '../../src/inspect/watch-objects.ts';

export type Listener = (message: string) => void;

const periodMs = 1000;
/** A host so large that reading takes long is read less often: at most a tenth of one processor. */
const shareOfTime = 10;

/** Reads the host once a second while somebody listens, and tells all listeners what has changed. */
export class LiveFeed {
  readonly #objects: WatchedObjects;
  readonly #cluster: string;
  readonly #onError: (message: string) => void;
  readonly #encoder = new LiveEncoder();
  readonly #listeners = new Set<Listener>();
  /** Of the last reading; undefined before the first, and when nobody has listened for a while. */
  #host: LiveHost | undefined;
  /** Set while a reading is due. */
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { objects: WatchedObjects; cluster: string; onError: (message: string) => void }) {
    this.#objects = options.objects;
    this.#cluster = options.cluster;
    this.#onError = options.onError;
  }

  /** Sends the whole, then changes; returns how to stop. */
  async subscribe(listener: Listener): Promise<() => void> {
    if (!this.#host || this.#listeners.size === 0) await this.#read();
    if (this.#host) listener(this.#encoder.snapshot(this.#host));
    this.#listeners.add(listener);
    this.#timer ??= setTimeout(() => this.#tick(), periodMs);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  async #tick(): Promise<void> {
    const began = performance.now();
    try {
      await this.#read();
    } catch (error) {
      this.#onError(errorChain(error));
    }
    if (this.#listeners.size === 0) return;
    const took = performance.now() - began;
    this.#timer = setTimeout(() => this.#tick(), Math.max(periodMs - took, took * (shareOfTime - 1)));
  }

  async #read(): Promise<void> {
    const snapshot = await readSnapshot({ known: this.#objects.current(), threads: true });
    this.#host = liveHost(snapshot, this.#cluster);
    const message = this.#encoder.delta(snapshot.takenAtMs, liveTables(snapshot));
    for (const listener of this.#listeners) listener(message);
  }
}
