import type { Clock } from './clock.ts';

export interface BackoffOptions {
  /** Delay after the first failure, in milliseconds. */
  initialMs: number;
  /** Upper bound of the delay, in milliseconds. */
  maxMs: number;
  /** @default 2 */
  factor?: number;
  /** A key not touched for this long starts again from `initialMs`. @default 2 × maxMs */
  resetAfterMs?: number;
}

const smallestSweep = 64;

/** Exponential back-off per key, as client-go's util/flowcontrol/backoff.go keeps it. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  readonly #clock: Clock;
  /** The current delay and when it was last raised, per key. */
  readonly #entries = new Map<string, { delayMs: number; since: number }>();
  /** Number of entries at which stale ones are looked for. */
  #sweepAt = smallestSweep;

  constructor(clock: Clock, options: BackoffOptions) {
    this.#clock = clock;
    this.#options = { factor: 2, resetAfterMs: 2 * options.maxMs, ...options };
  }

  /** Notes one more failure of `key` and returns the delay to wait from now, in milliseconds. */
  next(key: string): number {
    const now = this.#clock.steady();
    const entry = this.#entries.get(key);
    const { initialMs, maxMs, factor, resetAfterMs } = this.#options;
    const stale = !entry || now - entry.since > resetAfterMs;
    const delayMs = stale ? initialMs : Math.min(entry.delayMs * factor, maxMs);
    this.#entries.set(key, { delayMs, since: now });
    this.#forgetStale(now);
    return delayMs;
  }

  /** Milliseconds that are left to wait for `key`, 0 when none. A clock that was set back makes nobody wait longer. */
  remaining(key: string): number {
    const entry = this.#entries.get(key);
    if (!entry) return 0;
    return Math.min(entry.delayMs, Math.max(0, entry.since + entry.delayMs - this.#clock.steady()));
  }

  /** Nobody tells us of keys that are never used again, such as those of Pods that are gone. */
  #forgetStale(now: number): void {
    if (this.#entries.size < this.#sweepAt) return;
    for (const [key, { since }] of this.#entries)
      if (now - since > this.#options.resetAfterMs) this.#entries.delete(key);
    this.#sweepAt = Math.max(smallestSweep, 2 * this.#entries.size);
  }

  /** Forgets the failures of `key`. */
  reset(key: string): void {
    this.#entries.delete(key);
  }
}
