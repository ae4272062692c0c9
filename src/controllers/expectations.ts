import type { Clock } from '../base/clock.ts';

/** What a controller has done for one key and not yet seen come back through its informer. */
interface Pending {
  creations: number;
  /** uids of objects being deleted. */
  deletions: Set<string>;
  sinceMs: number;
}

/** After this long an expectation is given up, in milliseconds: the informer must have missed something. */
const timeoutMs = 5 * 60 * 1000;

/**
 * Keeps a controller from acting twice on the same lack: after creating or deleting it waits until its cache shows the
 * effect (kubernetes pkg/controller/controller_utils.go, ControllerExpectations).
 */
export class Expectations {
  readonly #clock: Clock;
  /** Only keys with something outstanding. */
  readonly #pending = new Map<string, Pending>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the cache shows everything done so far for `key`. */
  satisfied(key: string): boolean {
    const pending = this.#pending.get(key);
    return !pending || this.#clock.steady() - pending.sinceMs > timeoutMs;
  }

  expectCreations(key: string, count: number): void {
    if (count > 0) this.#entry(key).creations += count;
  }

  expectDeletion(key: string, uid: string): void {
    this.#entry(key).deletions.add(uid);
  }

  /** One creation was seen, or failed. */
  created(key: string): void {
    const pending = this.#pending.get(key);
    if (!pending) return;
    pending.creations--;
    this.#settle(key, pending);
  }

  /** A deletion was seen, or failed. */
  deleted(key: string, uid: string): void {
    const pending = this.#pending.get(key);
    if (!pending?.deletions.delete(uid)) return;
    this.#settle(key, pending);
  }

  forget(key: string): void {
    this.#pending.delete(key);
  }

  #entry(key: string): Pending {
    let pending = this.#pending.get(key);
    if (!pending || this.satisfied(key)) {
      pending = { creations: 0, deletions: new Set(), sinceMs: this.#clock.steady() };
      this.#pending.set(key, pending);
    }
    return pending;
  }

  #settle(key: string, pending: Pending): void {
    if (pending.creations <= 0 && pending.deletions.size === 0) this.#pending.delete(key);
  }
}
