import { ConnectionError, errorCode } from '../protocol.ts';
import { DynamicTable } from './dynamic-table.ts';
import { type HeaderField, headerField } from './header-field.ts';
import { decodeHuffman } from './huffman.ts';
import { staticTable } from './static-table.ts';

/** Where Huffman codes are decoded to; as long as the longest string that was met. */
let scratch = Buffer.alloc(1024);

/** Header blocks of one connection, in the order in which they come (RFC 7541). What it cannot read ends the connection. */
export class HpackDecoder {
  readonly #table: DynamicTable;
  /** What the table may be resized to: our SETTINGS_HEADER_TABLE_SIZE. */
  readonly #largestTable: number;
  #block: Buffer = scratch;
  #at = 0;

  constructor(largestTable = 4096) {
    this.#largestTable = largestTable;
    this.#table = new DynamicTable(largestTable);
  }

  decode(block: Buffer): HeaderField[] {
    const fields: HeaderField[] = [];
    this.#block = block;
    this.#at = 0;
    while (this.#at < block.length) {
      const first = block[this.#at]!;
      if (first & 0x80) fields.push(this.#field(this.#integer(7)));
      else if (first & 0x40) {
        const field = this.#literal(6);
        this.#table.add(field);
        fields.push(field);
      } else if (first & 0x20) this.#resize(fields.length > 0);
      // Without indexing, and never indexed: we keep neither.
      else fields.push(this.#literal(4));
    }
    this.#block = scratch;
    return fields;
  }

  /** Section 4.2: at the beginning of a block only. */
  #resize(late: boolean): void {
    const size = this.#integer(5);
    if (late) throw broken('a table size update after a field');
    if (size > this.#largestTable) throw broken(`a table of ${size} bytes: at most ${this.#largestTable}`);
    this.#table.resize(size);
  }

  #field(index: number): HeaderField {
    const field = index <= staticTable.length ? staticTable[index - 1] : this.#table.at(index - staticTable.length - 1);
    if (!field) throw broken(`index ${index} is in neither table`);
    return field;
  }

  #literal(prefixBits: number): HeaderField {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#string() : this.#field(index).name;
    return headerField(name, this.#string());
  }

  /** Section 5.1. More than fits in 28 bits is nothing that this protocol has a use for. */
  #integer(prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw broken('an integer without an end');
  }

  /** Section 5.2. */
  #string(): string {
    const huffman = (this.#block[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    if (end > this.#block.length) throw broken('a string that goes past the block');
    this.#at = end;
    if (!huffman) return this.#block.toString('latin1', start, end);
    if (scratch.length < length * 2) scratch = Buffer.alloc(length * 2);
    const decoded = decodeHuffman(this.#block, start, end, scratch);
    if (decoded < 0) throw broken('a string that is no Huffman code');
    return scratch.toString('latin1', 0, decoded);
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw broken('a block that ends midway');
    return byte;
  }
}

function broken(what: string): ConnectionError {
  return new ConnectionError(errorCode.compressionError, `HPACK: ${what}`);
}
