import type { PriorityLevel, Waiting } from './priority-level.ts';

/**
 * So many seats are started in one turn of the event loop, at first. The loop is what this server has least of: who comes
 * later in a turn waits for the next one, in which the levels take turns, so that a flood on one connection delays others
 * by one turn and not by its length. What a seat costs shows only when it has run: turns that were short get more of them,
 * as many small ones cost more than a few long ones, and turns that were long get fewer.
 */
const seatsPerTurn = { first: 48, least: 16, most: 2048 };
const turnMs = { short: 4, long: 10 };

/** Lets requests run, at once while there is room, else by turns (KEP-1040's queue sets, with the loop as one more limit). */
export class Dispatcher {
  /** Levels in which requests wait. */
  readonly #waiting = new Set<PriorityLevel>();
  readonly #now: () => number;
  /** Seats started in this turn, of as many as may be. */
  #started = 0;
  #budget = seatsPerTurn.first;
  /** When the first of them was. */
  #beganMs = 0;
  /** Whether the next turn is planned. */
  #planned = false;
  /** Work of the level that was served last: a level that wakes up starts from there. */
  #reached = 0;

  /** `now`: milliseconds of a steady clock. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Runs it if nobody waits and there is room. Where nobody may wait, only the level's own limit counts. */
  tryBegin(level: PriorityLevel, seats: number): boolean {
    if (!level.queuing) {
      if (level.hasRoomFor(seats)) this.#begin(level, seats);
      else return false;
      return true;
    }
    if (this.#waiting.size > 0 || this.#started >= this.#budget || !level.hasRoomFor(seats)) return false;
    this.#begin(level, seats);
    return true;
  }

  /** Resolves when it may run, or with why it may not. */
  wait(
    level: PriorityLevel,
    hand: readonly number[],
    seats: number,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<'run' | 'queue-full' | 'time-out' | 'cancelled'> {
    return new Promise((resolve) => {
      const settle: Waiting['settle'] = (outcome) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', cancel);
        resolve(outcome);
      };
      const request = level.enqueue(hand, seats, settle);
      if (!request) return resolve('queue-full');
      const leave = (outcome: 'time-out' | 'cancelled') => {
        level.remove(request);
        if (level.waiting === 0) this.#waiting.delete(level);
        settle(outcome);
      };
      const timer = setTimeout(() => leave('time-out'), timeoutMs).unref();
      const cancel = () => leave('cancelled');
      signal.addEventListener('abort', cancel, { once: true });
      if (!this.#waiting.has(level)) {
        level.served = Math.max(level.served, this.#reached);
        this.#waiting.add(level);
      }
      this.#plan();
    });
  }

  end(level: PriorityLevel, seats: number): void {
    level.end(seats);
    if (this.#waiting.size > 0) this.#plan();
  }

  #begin(level: PriorityLevel, seats: number): void {
    level.begin(seats);
    this.#started += seats;
    this.#plan();
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    this.#beganMs = this.#now();
    setImmediate(() => this.#turn());
  }

  /** A new turn: those that have waited longest, level by level. */
  #turn(): void {
    this.#planned = false;
    this.#adjust(this.#now() - this.#beganMs);
    this.#started = 0;
    while (this.#started < this.#budget) {
      const [level, request] = this.#next() ?? [];
      if (!level || !request) return;
      this.#begin(level, request.seats);
      request.settle('run');
    }
  }

  /** After a turn that took so long. */
  #adjust(tookMs: number): void {
    if (tookMs > turnMs.long) this.#budget = Math.max(seatsPerTurn.least, this.#budget / 2);
    else if (tookMs < turnMs.short && this.#started >= this.#budget)
      this.#budget = Math.min(seatsPerTurn.most, this.#budget * 2);
  }

  #next(): [PriorityLevel, Waiting] | undefined {
    const inOrder = [...this.#waiting].sort((a, b) => a.served - b.served);
    for (const level of inOrder) {
      const request = level.next();
      if (!request) continue;
      this.#reached = level.served;
      level.served += request.seats / Math.max(1, level.limit);
      if (level.waiting === 0) this.#waiting.delete(level);
      return [level, request];
    }
    return undefined;
  }
}
