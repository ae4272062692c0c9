import type { Clock } from '../base/clock.ts';

/** client-go's DefaultTypedControllerRateLimiter, without its overall limit of 10 a second. */
const firstRetryMs = 5;
const maxRetryMs = 1_000_000;

/**
 * Keys to work on, each at most once in the queue and never worked on twice at the same time: a key that is added
 * while someone works on it is handed out again after `done` (client-go util/workqueue).
 */
export class WorkQueue {
  readonly #clock: Clock;
  /** Keys that wait for a worker, in order; each is in #dirty. */
  readonly #ready: string[] = [];
  /** Index of the first waiting key in #ready: what is before it has been handed out. */
  #head = 0;
  /** Keys that need work: those in #ready, and those added again while in #processing. */
  readonly #dirty = new Set<string>();
  /** Keys that a worker holds, from get to done. */
  readonly #processing = new Set<string>();
  /** Keys to be added later, with the earliest time asked for. */
  readonly #delayed = new Map<string, { atMs: number; cancel: () => void }>();
  /** How often addRateLimited was called for a key since forget. */
  readonly #failures = new Map<string, number>();
  /** Workers that wait for a key; empty unless no key is ready. */
  readonly #waiting: ((key: string | undefined) => void)[] = [];
  #stopped = false;
  /** How many keys have been added, and how many of them after a failure. */
  adds = 0;
  retries = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#ready.length - this.#head;
  }

  add(key: string): void {
    if (this.#stopped || this.#dirty.has(key)) return;
    this.#dirty.add(key);
    this.adds++;
    if (!this.#processing.has(key)) this.#offer(key);
  }

  /** Adds the key after `delayMs`; of several delays for one key the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopped) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const atMs = this.#clock.steady() + delayMs;
    const pending = this.#delayed.get(key);
    if (pending && pending.atMs <= atMs) return;
    pending?.cancel();
    const cancel = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { atMs, cancel });
  }

  /** Adds the key after a delay that doubles with each call: 5 ms to 1000 s. */
  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.retries++;
    this.addAfter(key, Math.min(firstRetryMs * 2 ** failures, maxRetryMs));
  }

  /** The key succeeded: its next failure starts with the shortest delay. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** How often the key has failed since it last succeeded. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, which the caller owns until done(key); undefined when the queue is shut down. */
  get(): Promise<string | undefined> {
    if (this.#stopped) return Promise.resolve(undefined);
    if (this.length === 0) return new Promise((resolve) => this.#waiting.push(resolve));
    const key = this.#ready[this.#head++]!;
    if (this.#head > 1024 && this.#head * 2 > this.#ready.length) {
      this.#ready.splice(0, this.#head);
      this.#head = 0;
    }
    return Promise.resolve(this.#take(key));
  }

  done(key: string): void {
    this.#processing.delete(key);
    if (this.#dirty.has(key) && !this.#stopped) this.#offer(key);
  }

  /** Hands out nothing any more. */
  shutDown(): void {
    this.#stopped = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    for (const resolve of this.#waiting.splice(0)) resolve(undefined);
  }

  #offer(key: string): void {
    const resolve = this.#waiting.shift();
    if (resolve) resolve(this.#take(key));
    else this.#ready.push(key);
  }

  #take(key: string): string {
    this.#dirty.delete(key);
    this.#processing.add(key);
    return key;
  }
}
