import { Backoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';

/** Pods that were found unschedulable are tried again after so long even if nothing changed, in milliseconds. */
const flushAfterMs = 5 * 60 * 1000;

interface Entry {
  key: string;
  priority: number;
  /** When it first came in; among equals the older goes first. */
  sinceMs: number;
}

/** The Pods that wait for a node (kubernetes pkg/scheduler/backend/queue): ready to try, backing off, or waiting for a change. */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  /** Ready to try. A key is in at most one of the three. */
  readonly #active = new Map<string, Entry>();
  readonly #backingOff = new Map<string, { entry: Entry; cancel: () => void }>();
  readonly #unschedulable = new Map<string, { entry: Entry; cancel: () => void }>();
  /** Set while a consumer waits. */
  #wake: (() => void) | undefined;
  #closed = false;
  /** Counts moves: a Pod found unschedulable before a change that came while it was tried must be tried again. */
  #moves = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#backoff = new Backoff(clock, { initialMs: 1000, maxMs: 10_000 });
  }

  /** How many Pods wait for what. */
  get sizes(): { active: number; backoff: number; unschedulable: number } {
    return {
      active: this.#active.size,
      backoff: this.#backingOff.size,
      unschedulable: this.#unschedulable.size,
    };
  }

  get moves(): number {
    return this.#moves;
  }

  add(key: string, priority: number): void {
    const entry = this.#take(key) ?? { key, priority, sinceMs: this.#clock.now() };
    this.#active.set(key, { ...entry, priority });
    this.#notify();
  }

  /** Puts a Pod aside that fitted nowhere, until something changes; `moves` is the count when its try began. */
  addUnschedulable(key: string, priority: number, moves: number): void {
    const entry = { key, priority, sinceMs: this.#clock.now() };
    const delayMs = this.#backoff.next(key);
    if (moves !== this.#moves) {
      this.#backOff(entry, delayMs);
      return;
    }
    const cancel = this.#clock.after(flushAfterMs, () => this.#activate(key));
    this.#unschedulable.set(key, { entry, cancel });
  }

  /** Tries a Pod again after its back-off: an error that may pass. */
  addBackoff(key: string, priority: number): void {
    this.#backOff({ key, priority, sinceMs: this.#clock.now() }, this.#backoff.next(key));
  }

  /** Something changed that may make room: everything that was put aside is tried again once its back-off is over. */
  moveAll(): void {
    this.#moves++;
    for (const [key, { entry, cancel }] of this.#unschedulable) {
      cancel();
      this.#unschedulable.delete(key);
      this.#backOff(entry, this.#backoff.remaining(key));
    }
  }

  /** Bound or deleted. */
  forget(key: string): void {
    this.#take(key);
    this.#backoff.reset(key);
  }

  /** The next Pod: the highest priority first, then the oldest. undefined once closed. */
  async next(): Promise<string | undefined> {
    while (this.#active.size === 0) {
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    let first: Entry | undefined;
    for (const entry of this.#active.values())
      if (
        !first ||
        entry.priority > first.priority ||
        (entry.priority === first.priority && entry.sinceMs < first.sinceMs)
      )
        first = entry;
    const { key } = first as Entry;
    this.#active.delete(key);
    return this.#closed ? undefined : key;
  }

  close(): void {
    this.#closed = true;
    for (const { cancel } of [...this.#backingOff.values(), ...this.#unschedulable.values()]) cancel();
    this.#notify();
  }

  #backOff(entry: Entry, delayMs: number): void {
    if (delayMs === 0) {
      this.#active.set(entry.key, entry);
      this.#notify();
      return;
    }
    const cancel = this.#clock.after(delayMs, () => this.#activate(entry.key));
    this.#backingOff.set(entry.key, { entry, cancel });
  }

  #activate(key: string): void {
    const entry = this.#take(key);
    if (!entry) return;
    this.#active.set(key, entry);
    this.#notify();
  }

  #take(key: string): Entry | undefined {
    const waiting = this.#backingOff.get(key) ?? this.#unschedulable.get(key);
    waiting?.cancel();
    this.#backingOff.delete(key);
    this.#unschedulable.delete(key);
    const active = this.#active.get(key);
    this.#active.delete(key);
    return active ?? waiting?.entry;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
