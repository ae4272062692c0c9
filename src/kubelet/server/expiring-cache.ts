import type { Clock } from '../../base/clock.ts';

/** More are forgotten all at once: asking again is all that it costs. */
const mostEntries = 1000;

/** Answers that hold for a while. */
export class ExpiringCache<T> {
  readonly #clock: Clock;
  /** What is past its time is there until it is asked for. */
  readonly #entries = new Map<string, { value: T; untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The answer that is known, or what `ask` says; `ttlMs` tells how long that holds. What rejects is not kept. */
  async get(key: string, ask: () => Promise<T>, ttlMs: (value: T) => number): Promise<T> {
    const known = this.#entries.get(key);
    if (known && known.untilMs > this.#clock.steady()) return known.value;
    const value = await ask();
    if (this.#entries.size >= mostEntries) this.#entries.clear();
    this.#entries.set(key, { value, untilMs: this.#clock.steady() + ttlMs(value) });
    return value;
  }
}
