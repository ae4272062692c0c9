/** Lets at most `limit` pieces of work run at once, the others wait in order. */
export class Limiter {
  /** Free places. */
  #free: number;
  /** Those who wait to finish what they began; they go first. */
  readonly #first: (() => void)[] = [];
  /** The others who wait for a place. */
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  async run<T>(work: () => Promise<T>, { first = false } = {}): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => (first ? this.#first : this.#waiting).push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#first.shift() ?? this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
