import type { StoreEvent, Watcher } from './store.ts';

/** One caller of watch: what it wants to see and what it has seen. */
export class Watch {
  readonly start: string;
  readonly end: string;
  readonly #watcher: Watcher;
  /** Every change up to this revision has been delivered, or was not asked for. */
  #delivered: number;
  /** Set once; nothing is delivered afterwards. */
  #ended = false;

  constructor(start: string, end: string, afterRevision: number, watcher: Watcher) {
    this.start = start;
    this.end = end;
    this.#delivered = afterRevision;
    this.#watcher = watcher;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get delivered(): number {
    return this.#delivered;
  }

  /**
   * Delivers those of `events` that are in the range and newer than what was delivered. They are all there are up to
   * `through`.
   */
  deliver(events: readonly StoreEvent[], through = events.at(-1)?.revision ?? 0): void {
    if (this.#ended) return;
    const { start, end } = this;
    const wanted = events.filter(({ key, revision }) => revision > this.#delivered && key >= start && key < end);
    this.#delivered = Math.max(this.#delivered, through);
    if (wanted.length === 0) return;
    try {
      this.#watcher.onEvents(wanted);
    } catch (error) {
      // One watcher's fault must not keep the others, or the writer, from hearing of the change.
      this.fail(error as Error);
    }
  }

  fail(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watcher.onError(error);
  }

  cancel(): void {
    this.#ended = true;
  }
}
