/** Time as a value that is passed in, so that decisions stay pure and tests need not wait. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since some moment, whatever the machine's clock is set to: for durations. */
  steady(): number;
  /** Calls `fn` once after `delayMs`; the returned function cancels it. Does not keep the process alive. */
  after(delayMs: number, fn: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  after: (delayMs, fn) => {
    const timer = setTimeout(fn, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

/** A clock that moves only when told to. */
export class FakeClock implements Clock {
  /** Milliseconds of the steady clock; only `advance` changes it. */
  #steady = 0;
  /** What the time of day is ahead of it, in milliseconds; only `set` changes it. */
  #ahead: number;
  /** Pending calls, unordered. */
  #timers = new Set<{ at: number; fn: () => void }>();

  constructor(startMs = 1_700_000_000_000) {
    this.#ahead = startMs;
  }

  now(): number {
    return this.#steady + this.#ahead;
  }

  steady(): number {
    return this.#steady;
  }

  after(delayMs: number, fn: () => void): () => void {
    const timer = { at: this.#steady + delayMs, fn };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Moves time forward and runs what fell due, in order. */
  advance(ms: number): void {
    const end = this.#steady + ms;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#steady = Math.max(this.#steady, due.at);
      due.fn();
    }
    this.#steady = end;
  }

  /** Sets the time of day, as an administrator or NTP may: no duration changes by it. */
  set(nowMs: number): void {
    this.#ahead = nowMs - this.#steady;
  }
}
