/** Delay after the first repeated crash. */
const initialMs = 10_000;

/**
 * CrashLoopBackOff: after each restart the next one must wait 10 s, 20 s, … up to a bound from the moment the container ended. A
 * container that ran for twice the bound since its last restart starts afresh (client-go flowcontrol.Backoff as kuberuntime doBackOff uses it).
 */
export class CrashLoop {
  readonly #initialMs: number;
  readonly #maxMs: number;
  /** Per container and definition: the delay in force and when it was last raised. */
  readonly #entries = new Map<string, { delayMs: number; since: number }>();

  /** A bound below ten seconds is also the first delay (KEP-4603). */
  constructor(maxMs = 300_000) {
    this.#maxMs = maxMs;
    this.#initialMs = Math.min(initialMs, maxMs);
  }

  /** Milliseconds that the restart of a container that ended at `finishedAtMs` must still wait, with the delay in force; undefined if it may go. */
  waiting(key: string, finishedAtMs: number, now: number): { delayMs: number; leftMs: number } | undefined {
    const entry = this.#entries.get(key);
    if (!entry || finishedAtMs - entry.since > 2 * this.#maxMs) return undefined;
    // A clock that was set back must not make it wait for the time in between.
    const leftMs = Math.min(entry.delayMs, finishedAtMs + entry.delayMs - now);
    return leftMs > 0 ? { delayMs: entry.delayMs, leftMs } : undefined;
  }

  /** Notes the restart of a container that ended at `finishedAtMs`. */
  restarted(key: string, finishedAtMs: number, now: number): void {
    const entry = this.#entries.get(key);
    const fresh = !entry || finishedAtMs - entry.since > 2 * this.#maxMs;
    this.#entries.set(key, { delayMs: fresh ? this.#initialMs : Math.min(2 * entry.delayMs, this.#maxMs), since: now });
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
