import type { Clock } from '../base/clock.ts';

/** Delay after the first repeated crash. */
const initialMs = 10_000;

interface Entry {
  /** The delay in force, in milliseconds. */
  delayMs: number;
  /** When it was last raised, by the steady clock. */
  sinceMs: number;
  /** The end that was asked about last: as the container's state has it, and by the steady clock. */
  end?: { finishedAtMs: number; steadyMs: number };
}

/**
 * CrashLoopBackOff: after each restart the next one must wait 10 s, 20 s, … up to a bound from the moment the container ended. A
 * container that ran for twice the bound since its last restart starts afresh (client-go flowcontrol.Backoff as kuberuntime doBackOff uses it).
 * Whoever sets the machine's clock changes no wait that has begun.
 */
export class CrashLoop {
  readonly #clock: Clock;
  readonly #initialMs: number;
  readonly #maxMs: number;
  /** Per container and definition. */
  readonly #entries = new Map<string, Entry>();

  /** A bound below ten seconds is also the first delay (KEP-4603). */
  constructor(clock: Clock, maxMs = 300_000) {
    this.#clock = clock;
    this.#maxMs = maxMs;
    this.#initialMs = Math.min(initialMs, maxMs);
  }

  /** Milliseconds that the restart of a container that ended at `finishedAtMs` must still wait, with the delay in force; undefined if it may go. */
  waiting(key: string, finishedAtMs: number): { delayMs: number; leftMs: number } | undefined {
    const entry = this.#entries.get(key);
    if (!entry || this.#isForgiven(entry, finishedAtMs)) return undefined;
    const leftMs = this.#endOf(entry, finishedAtMs) + entry.delayMs - this.#clock.steady();
    return leftMs > 0 ? { delayMs: entry.delayMs, leftMs } : undefined;
  }

  /** Notes the restart of a container that ended at `finishedAtMs`. */
  restarted(key: string, finishedAtMs: number): void {
    const entry = this.#entries.get(key);
    const fresh = !entry || this.#isForgiven(entry, finishedAtMs);
    const delayMs = fresh ? this.#initialMs : Math.min(2 * entry.delayMs, this.#maxMs);
    this.#entries.set(key, { delayMs, sinceMs: this.#clock.steady() });
  }

  #isForgiven(entry: Entry, finishedAtMs: number): boolean {
    return this.#endOf(entry, finishedAtMs) - entry.sinceMs > 2 * this.#maxMs;
  }

  /** When the container ended, by the steady clock: not after now and not before its start, whatever the machine's clock was set to. */
  #endOf(entry: Entry, finishedAtMs: number): number {
    if (entry.end?.finishedAtMs !== finishedAtMs) {
      const agoMs = Math.max(0, this.#clock.now() - finishedAtMs);
      entry.end = { finishedAtMs, steadyMs: Math.max(entry.sinceMs, this.#clock.steady() - agoMs) };
    }
    return entry.end.steadyMs;
  }

  /** Forgets every container of a Pod. */
  forgetPod(uid: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(`${uid}/`)) this.#entries.delete(key);
  }
}

/** '10s', '1m20s', '5m0s', as Go prints a time.Duration of whole seconds. */
export function goDuration(ms: number): string {
  if (ms < 1000) return `${Number(ms.toFixed(3))}ms`;
  const seconds = Math.round(ms) / 1000;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = `${Number((seconds % 60).toFixed(3))}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
