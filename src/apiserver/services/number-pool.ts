import { randomInt } from 'node:crypto';

/**
 * Numbers 0 … size-1, of which some are taken: by objects that are stored, or by requests under way. What nobody asks
 * for by number comes from the upper part, so that fixed choices in the lower part seldom clash (KEP-3070, KEP-3668).
 */
export class NumberPool {
  readonly #size: number;
  readonly #reserved: number;
  /** How many stored objects hold a number: more than one for a moment, when it moves between them. */
  readonly #held = new Map<number, number>();
  /** Numbers of requests under way. */
  readonly #pending = new Set<number>();

  /** `reserved`: so many of the lowest numbers are handed out last. */
  constructor(size: number, reserved: number) {
    this.#size = size;
    this.#reserved = reserved < size ? reserved : 0;
  }

  contains(number: number): boolean {
    return number >= 0 && number < this.#size;
  }

  isFree(number: number): boolean {
    return !this.#held.has(number) && !this.#pending.has(number);
  }

  /** Takes this number for a request under way; false if it is taken. */
  take(number: number): boolean {
    if (!this.isFree(number)) return false;
    this.#pending.add(number);
    return true;
  }

  /** Takes any number; undefined if there is none. */
  takeAny(): number | undefined {
    const found = this.#find(this.#reserved, this.#size) ?? this.#find(0, this.#reserved);
    if (found !== undefined) this.#pending.add(found);
    return found;
  }

  /** The request is over: what it stored is held by now. */
  settle(number: number): void {
    this.#pending.delete(number);
  }

  hold(number: number): void {
    this.#held.set(number, (this.#held.get(number) ?? 0) + 1);
  }

  release(number: number): void {
    const count = this.#held.get(number) ?? 0;
    if (count > 1) this.#held.set(number, count - 1);
    else this.#held.delete(number);
  }

  /** A free number in [from, to), searched from a random place on. */
  #find(from: number, to: number): number | undefined {
    if (to <= from) return undefined;
    const start = randomInt(from, to);
    for (let i = 0; i < to - from; i++) {
      const candidate = from + ((start - from + i) % (to - from));
      if (this.isFree(candidate)) return candidate;
    }
    return undefined;
  }
}

/** How many of the lowest numbers are left to fixed choices. */
export function reservedNumbers(size: number, bounds: { min: number; max: number; step: number }): number {
  if (size < bounds.min) return 0;
  return Math.min(Math.max(bounds.min, Math.floor(size / bounds.step)), bounds.max);
}
