import type { PriorityLevel, Waiting } from './priority-level.ts';

/**
 * So many seats are started in one turn of the event loop. The loop is what this server has least of: who comes later in
 * a turn waits for the next one, in which the levels take turns, so that a flood on one connection delays others by one
 * turn and not by its length.
 */
const seatsPerTurn = 48;

/** Lets requests run, at once while there is room, else by turns (KEP-1040's queue sets, with the loop as one more limit). */
export class Dispatcher {
  /** Levels in which requests wait. */
  readonly #waiting = new Set<PriorityLevel>();
  /** Seats started in this turn. */
  #started = 0;
  /** Whether the next turn is planned. */
  #planned = false;
  /** Work of the level that was served last: a level that wakes up starts from there. */
  #reached = 0;

  /** Runs it if nobody waits and there is room. Where nobody may wait, only the level's own limit counts. */
  tryBegin(level: PriorityLevel, seats: number): boolean {
    if (!level.queuing) {
      if (level.hasRoomFor(seats)) this.#begin(level, seats);
      else return false;
      return true;
    }
    if (this.#waiting.size > 0 || this.#started >= seatsPerTurn || !level.hasRoomFor(seats)) return false;
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
    setImmediate(() => this.#turn());
  }

  /** A new turn: those that have waited longest, level by level. */
  #turn(): void {
    this.#planned = false;
    this.#started = 0;
    while (this.#started < seatsPerTurn) {
      const [level, request] = this.#next() ?? [];
      if (!level || !request) return;
      this.#begin(level, request.seats);
      request.settle('run');
    }
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
