import type { Clock } from '../base/clock.ts';

/** A status that is still on its way is written at most once in so many milliseconds. */
const spacingMs = 120;

/**
 * Spares writes of a status that the next moment will overtake: while a hundred Pods become ready one after the other, a
 * few counts tell as much as a hundred. What is settled is written at once.
 */
export class StatusSpacing {
  readonly #clock: Clock;
  /** When the status of each key was last written; only keys whose status is not settled. */
  readonly #written = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until the status of `key` may be written; 0 for now, and then it counts as written. */
  waitMs(key: string, settled: boolean): number {
    const now = this.#clock.steady();
    const last = this.#written.get(key);
    if (settled) this.#written.delete(key);
    else if (last !== undefined && now < last + spacingMs) return last + spacingMs - now;
    else this.#written.set(key, now);
    return 0;
  }

  forget(key: string): void {
    this.#written.delete(key);
  }
}
