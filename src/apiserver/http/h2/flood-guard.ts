import { ConnectionError, errorCode } from './protocol.ts';

/**
 * Bounds how often a peer may do what costs it nothing: a bucket of `most` that fills by `perSecond`. Used up, the
 * connection ends.
 */
export class FloodGuard {
  readonly #what: string;
  readonly #most: number;
  readonly #perSecond: number;
  #left: number;
  #filledMs = performance.now();

  constructor(what: string, most: number, perSecond: number) {
    this.#what = what;
    this.#most = most;
    this.#perSecond = perSecond;
    this.#left = most;
  }

  take(): void {
    if (this.#left < 1) {
      const now = performance.now();
      this.#left = Math.min(this.#most, ((now - this.#filledMs) * this.#perSecond) / 1000);
      this.#filledMs = now;
      if (this.#left < 1) throw new ConnectionError(errorCode.enhanceYourCalm, `too many ${this.#what}`);
    }
    this.#left--;
  }
}
