/** Wire types of the protobuf encoding (protobuf.dev/programming-guides/encoding). */
export const varint = 0;
export const fixed64 = 1;
export const lengthDelimited = 2;
export const fixed32 = 5;

/**
 * Writes a message from its end to its start, as gogo/protobuf does: the length of what is nested is known when its
 * prefix is due, so nothing is measured or copied twice.
 */
export class Writer {
  /** Holds the message at its end; everything before `#start` is free. */
  #buffer: Buffer;
  /** Index of the first byte written. */
  #start: number;

  constructor(sizeHint = 1024) {
    this.#buffer = Buffer.allocUnsafe(sizeHint);
    this.#start = sizeHint;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  /** The message. The writer must not be used after. */
  finish(): Uint8Array {
    return this.#buffer.subarray(this.#start);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#start);
  }

  string(value: string): void {
    const size = Buffer.byteLength(value);
    this.#reserve(size);
    this.#buffer.write(value, this.#start, size, 'utf8');
  }

  /** An integer of at most 64 bits; a negative one takes ten bytes (two's complement). */
  varint(value: number | bigint): void {
    if (typeof value === 'bigint' || value < 0 || !Number.isSafeInteger(value)) {
      this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
    this.#reserve(size);
    let rest = value;
    for (let at = this.#start; size > 1; size--, at++) {
      this.#buffer[at] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#start + sizeOfVarint(value) - 1] = rest;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#buffer.writeDoubleLE(value, this.#start);
  }

  tag(number: number, wireType: number): void {
    this.varint(number * 8 + wireType);
  }

  /** Prefix of what was written since the writer had `lengthBefore` bytes. */
  closeNested(number: number, lengthBefore: number): void {
    this.varint(this.length - lengthBefore);
    this.tag(number, lengthDelimited);
  }

  #bigVarint(value: bigint): void {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) + 128);
    bytes.push(Number(rest));
    this.bytes(Uint8Array.from(bytes));
  }

  /** Moves the start `size` bytes to the left. */
  #reserve(size: number): void {
    if (size > this.#start) {
      const written = this.length;
      const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, written + size));
      this.#buffer.copy(grown, grown.length - written, this.#start);
      this.#buffer = grown;
      this.#start = grown.length - written;
    }
    this.#start -= size;
  }
}

function sizeOfVarint(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Reads one message: the bytes from `at` to `end`. */
export class Reader {
  readonly #buffer: Buffer;
  /** Index of the next byte. */
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = 0;
    this.#end = bytes.length;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Field number and wire type. */
  tag(): { number: number; wireType: number } {
    const tag = this.unsigned();
    const number = Math.floor(tag / 8);
    if (number <= 0) throw new Error(`proto: illegal tag ${number}`);
    return { number, wireType: tag % 8 };
  }

  /** A length, tag or other integer that is never negative. */
  unsigned(): number {
    let value = 0;
    let scale = 1;
    for (let size = 0; size < 8; size++) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw new Error('proto: integer overflow');
  }

  /** An int32 or int64. Beyond 2^53 digits are lost, as they are in JSON. */
  signed(): number {
    const start = this.#at;
    let size = 0;
    while (this.#byte() >= 128) if (++size >= 10) throw new Error('proto: integer overflow');
    const end = this.#at;
    this.#at = start;
    if (end - start <= 7) return this.unsigned();
    let value = 0n;
    for (let shift = 0n; this.#at < end; shift += 7n) value |= BigInt(this.#byte() & 127) << shift;
    return Number(BigInt.asIntN(64, value));
  }

  double(): number {
    const at = this.#advance(8);
    return this.#buffer.readDoubleLE(at);
  }

  /** What is length-delimited, without a copy. */
  bytes(): Uint8Array {
    const size = this.unsigned();
    const at = this.#advance(size);
    return this.#buffer.subarray(at, at + size);
  }

  string(): string {
    const size = this.unsigned();
    const at = this.#advance(size);
    return this.#buffer.toString('utf8', at, at + size);
  }

  /** Passes over a field that nobody knows. */
  skip(wireType: number): void {
    if (wireType === varint) while (this.#byte() >= 128);
    else if (wireType === fixed64) this.#advance(8);
    else if (wireType === lengthDelimited) this.#advance(this.unsigned());
    else if (wireType === fixed32) this.#advance(4);
    else throw new Error(`proto: illegal wireType ${wireType}`);
  }

  #byte(): number {
    return this.#buffer[this.#advance(1)]!;
  }

  #advance(size: number): number {
    const at = this.#at;
    if (size > this.#end - at) throw new Error('unexpected EOF');
    this.#at = at + size;
    return at;
  }
}
