/** A chunk is split when it grows beyond this: what an insertion moves stays small, however many keys there are. */
const maxChunk = 1024;

/** A set of strings in ascending order, for ranges. */
export class SortedKeys {
  /** Ascending, none empty, each key of a chunk before those of the next one. */
  readonly #chunks: string[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The key must not be there. */
  add(key: string): void {
    this.#size++;
    const index = Math.max(0, this.#chunkOf(key));
    const chunk = this.#chunks[index];
    if (!chunk) {
      this.#chunks.push([key]);
      return;
    }
    chunk.splice(lowerBound(chunk, key), 0, key);
    if (chunk.length > maxChunk) this.#split(index, chunk);
  }

  /** The key must be there. */
  delete(key: string): void {
    this.#size--;
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index]!;
    chunk.splice(lowerBound(chunk, key), 1);
    if (chunk.length === 0) this.#chunks.splice(index, 1);
  }

  /** The keys in [start, end), at most `limit`. */
  range(start: string, end: string, limit = Number.POSITIVE_INFINITY): string[] {
    const found: string[] = [];
    for (let i = Math.max(0, this.#chunkOf(start)); i < this.#chunks.length; i++) {
      const chunk = this.#chunks[i]!;
      for (let at = found.length > 0 ? 0 : lowerBound(chunk, start); at < chunk.length; at++) {
        const key = chunk[at]!;
        if (key >= end || found.length >= limit) return found;
        found.push(key);
      }
    }
    return found;
  }

  /** How many keys are in [start, end). */
  count(start: string, end: string): number {
    return this.#rank(end) - this.#rank(start);
  }

  /** How many keys are smaller. */
  #rank(key: string): number {
    const index = this.#chunkOf(key);
    if (index < 0) return 0;
    let before = 0;
    for (let i = 0; i < index; i++) before += this.#chunks[i]!.length;
    return before + lowerBound(this.#chunks[index]!, key);
  }

  /** A key that comes last opens a new chunk: keys often come in order, and full chunks are half the overhead. */
  #split(index: number, chunk: string[]): void {
    const isLast = index === this.#chunks.length - 1;
    this.#chunks.splice(index + 1, 0, chunk.splice(isLast ? maxChunk : maxChunk / 2));
  }

  /** Index of the last chunk that begins with this key or a smaller one; -1 if all begin with greater ones. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#chunks[middle]![0]! <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** Index of the first key that is not smaller. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
