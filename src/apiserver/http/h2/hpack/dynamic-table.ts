import type { HeaderField } from './header-field.ts';

/** The fields that were sent last, newest first, within a size (RFC 7541 section 2.3.2). */
export class DynamicTable {
  /** Oldest first; those before #first are gone. */
  #fields: HeaderField[] = [];
  #first = 0;
  /** How many were ever added. */
  #added = 0;
  #size = 0;
  #maxSize: number;
  /** Told of each field that goes, and the number that add() gave it. */
  readonly #onEvict: ((field: HeaderField, number: number) => void) | undefined;

  constructor(maxSize: number, onEvict?: (field: HeaderField, number: number) => void) {
    this.#maxSize = maxSize;
    this.#onEvict = onEvict;
  }

  get length(): number {
    return this.#fields.length - this.#first;
  }

  get size(): number {
    return this.#size;
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#evictTo(maxSize);
  }

  /** The newest is 0. */
  at(index: number): HeaderField | undefined {
    return index < this.length ? this.#fields[this.#fields.length - 1 - index] : undefined;
  }

  /** Where the field of this number is now. */
  indexOf(number: number): number {
    return this.#added - 1 - number;
  }

  /** Returns the field's number, or undefined if it is larger than the whole table, which is then empty (section 4.4). */
  add(field: HeaderField): number | undefined {
    this.#evictTo(this.#maxSize - field.size);
    if (field.size > this.#maxSize) return undefined;
    this.#fields.push(field);
    this.#size += field.size;
    return this.#added++;
  }

  #evictTo(size: number): void {
    while (this.#size > size && this.length > 0) {
      const field = this.#fields[this.#first++]!;
      this.#size -= field.size;
      this.#onEvict?.(field, this.#added - this.length - 1);
    }
    if (this.#first > 32 && this.#first * 2 > this.#fields.length) {
      this.#fields = this.#fields.slice(this.#first);
      this.#first = 0;
    }
  }
}
