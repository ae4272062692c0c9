/** The part of the protobuf encoding that the messages of etcd and of CSI drivers need (protobuf.dev/programming-guides/encoding). */
export class MessageWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** An int64, bool or enum; zero, the default, is left out. */
  number(field: number, value: number | boolean): this {
    if (value) this.#add(Buffer.from([...varint(field * 8), ...varint(Number(value))]));
    return this;
  }

  /** Bytes, a string, or a message within this one; `undefined` is left out. */
  bytes(field: number, value: Uint8Array | string | undefined): this {
    if (value === undefined) return this;
    const content = typeof value === 'string' ? Buffer.from(value) : value;
    this.#add(Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]));
    this.#add(content);
    return this;
  }

  /** A map<string, string>. */
  map(field: number, entries: Record<string, string> = {}): this {
    for (const [key, value] of Object.entries(entries))
      this.bytes(field, new MessageWriter().bytes(1, key).bytes(2, value).finish());
    return this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts, this.#length);
  }

  #add(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.length;
  }
}

/** Numbers that JavaScript holds exactly: etcd's revisions and leases stay far below 2^53. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  bytes.push(left);
  return bytes;
}

/** One field as it stands in the message: numbers decoded, anything with a length as bytes. */
export type FieldVisitor = (field: number, number: number, bytes: Buffer) => void;

const empty = Buffer.alloc(0);

/** Calls `visit` for each field, in order. Throws if the message is cut off or of another encoding. */
export function readMessage(message: Buffer, visit: FieldVisitor): void {
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = message[at++];
      if (byte === undefined) throw new Error('protobuf message is cut off');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  };
  while (at < message.length) {
    const tag = readVarint();
    const [field, type] = [Math.floor(tag / 8), tag % 8];
    if (type === 0) visit(field, readVarint(), empty);
    else if (type === 2) {
      const length = readVarint();
      if (at + length > message.length) throw new Error('protobuf message is cut off');
      visit(field, 0, message.subarray(at, at + length));
      at += length;
    } else if (type === 1 || type === 5) at += type === 1 ? 8 : 4;
    else throw new Error(`protobuf wire type ${type} of field ${field} is unknown`);
  }
}

/** The entry of a map<string, string>. */
export function readEntry(message: Buffer): [string, string] {
  const entry: [string, string] = ['', ''];
  readMessage(message, (field, _number, bytes) => {
    if (field === 1 || field === 2) entry[field - 1] = bytes.toString();
  });
  return entry;
}
