/** Something that knows where InFlight keeps it. */
export interface Placed {
  /** Set by InFlight. */
  place: number;
}

/**
 * What is under way: comes, stays shortly and goes, in any order. A Set would do, but for V8's sake: each table that a Set or
 * Map leaves behind as it fills and empties points to the one after it. Once one of them has become old, it keeps all that
 * follow, and whatever was in them, through every scavenge; the full collection that ends this comes rarely.
 */
export class InFlight<T extends Placed> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    item.place = this.#items.length;
    this.#items.push(item);
  }

  /** Nothing happens if it has gone already. */
  delete(item: T): void {
    if (this.#items[item.place] !== item) return;
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#items[item.place] = last;
    last.place = item.place;
  }

  /** All, in no order. */
  list(): T[] {
    return [...this.#items];
  }
}
