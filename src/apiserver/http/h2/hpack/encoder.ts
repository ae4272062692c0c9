import { DynamicTable } from './dynamic-table.ts';
import { type HeaderField, headerField, http1Fields } from './header-field.ts';
import { staticTable } from './static-table.ts';

/** Values that do not come again are not worth a place in the table (RFC 7541 section 6.2.2). */
const passing = new Set(['audit-id', 'content-length', 'etag', 'last-modified', 'location', 'retry-after', 'warning']);
/** Values that nobody on the way may keep (sections 6.2.3 and 7.1.3). */
const secret = new Set(['authorization', 'cookie', 'proxy-authorization', 'set-cookie', 'www-authenticate']);

/** The first entry of each name in the static table, from 1. */
const staticNames = new Map<string, number>();
for (const [i, { name }] of staticTable.entries()) if (!staticNames.has(name)) staticNames.set(name, i + 1);
const staticStatus = new Map<number, number>();
for (const [i, { name, value }] of staticTable.entries())
  if (name === ':status') staticStatus.set(Number(value), i + 1);

const literal = { indexed: [0x40, 6], passing: [0x00, 4], never: [0x10, 4] } as const;

/** Where blocks are made; each is copied to its frame before the next. */
let scratch = Buffer.alloc(4096);

/** Header blocks of one connection's responses, in the order in which they are sent. */
export class HpackEncoder {
  /** Numbers in the table, by name and value. */
  readonly #numbers = new Map<string, Map<string, number>>();
  readonly #table: DynamicTable;
  /** Sizes that the peer has to be told of with the next block: the least in between, then the last (section 4.2). */
  #resized: { least: number; last: number } | undefined;
  #at = 0;

  constructor() {
    this.#table = new DynamicTable(4096, ({ name, value }, number) => {
      const ofName = this.#numbers.get(name);
      if (ofName?.get(value) !== number) return;
      ofName.delete(value);
      if (ofName.size === 0) this.#numbers.delete(name);
    });
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  resize(allowed: number): void {
    const size = Math.min(allowed, 4096);
    if (size === (this.#resized?.last ?? this.#table.maxSize)) return;
    this.#resized = { least: Math.min(size, this.#resized?.least ?? size), last: size };
    this.#table.resize(size);
  }

  /** Good until the next call. Fields that HTTP/2 forbids are left out, as Go's server does. */
  encode(status: number, headers: Record<string, string | number | readonly string[] | undefined>): Uint8Array {
    this.#at = 0;
    this.#reserve(64);
    if (this.#resized) {
      const { least, last } = this.#resized;
      if (least < last) this.#integer(0x20, 5, least);
      this.#integer(0x20, 5, last);
      this.#resized = undefined;
    }
    const index = staticStatus.get(status);
    if (index) this.#integer(0x80, 7, index);
    else this.#field(':status', String(status));
    for (const name in headers) {
      const value = headers[name];
      if (typeof value === 'string') this.#field(name, value);
      else if (typeof value === 'number') this.#field(name, String(value));
      else for (const one of value ?? []) this.#field(name, one);
    }
    return scratch.subarray(0, this.#at);
  }

  #field(name: string, value: string): void {
    const number = this.#numbers.get(name)?.get(value);
    if (number !== undefined) {
      this.#reserve(8);
      this.#integer(0x80, 7, staticTable.length + 1 + this.#table.indexOf(number));
      return;
    }
    const field = headerField(name.toLowerCase(), bytesAsText(value));
    // From what we are a proxy of.
    if (field.malformed || http1Fields.has(field.name)) return;
    const [pattern, bits] = this.#kindOf(field);
    this.#reserve(16 + field.size);
    const nameIndex = staticNames.get(field.name) ?? 0;
    this.#integer(pattern, bits, nameIndex);
    if (nameIndex === 0) this.#string(field.name);
    this.#string(field.value);
    if (pattern === 0x40) this.#remember(field);
  }

  #kindOf(field: HeaderField): readonly [pattern: number, bits: number] {
    if (secret.has(field.name)) return literal.never;
    // One that would push out all others is not kept either.
    return passing.has(field.name) || field.size * 2 > this.#table.maxSize ? literal.passing : literal.indexed;
  }

  #remember(field: HeaderField): void {
    const number = this.#table.add(field);
    if (number === undefined) return;
    const ofName = this.#numbers.get(field.name);
    if (ofName) ofName.set(field.value, number);
    else this.#numbers.set(field.name, new Map([[field.value, number]]));
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= scratch.length) return;
    const larger = Buffer.alloc((this.#at + bytes) * 2);
    scratch.copy(larger, 0, 0, this.#at);
    scratch = larger;
  }

  #integer(pattern: number, prefixBits: number, value: number): void {
    const most = (1 << prefixBits) - 1;
    if (value < most) {
      scratch[this.#at++] = pattern | value;
      return;
    }
    scratch[this.#at++] = pattern | most;
    let left = value - most;
    for (; left > 127; left >>>= 7) scratch[this.#at++] = (left & 127) | 128;
    scratch[this.#at++] = left;
  }

  /** As it is: a Huffman code would save a few bytes and cost more time. */
  #string(text: string): void {
    this.#integer(0, 7, text.length);
    this.#at += scratch.write(text, this.#at, 'latin1');
  }
}

/** What is beyond Latin-1 is sent as UTF-8, one character a byte. */
function bytesAsText(value: string): string {
  return /[^\0-\xff]/.test(value) ? Buffer.from(value).toString('latin1') : value;
}
