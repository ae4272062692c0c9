/** Messages of D-Bus, little-endian (dbus.freedesktop.org/doc/dbus-specification.html, "Message Protocol"). */

/** A value by its type: numbers, bigints (t, x), strings (s, o, g), booleans, arrays, structs and entries as arrays, variants. */
export type DbusValue = number | bigint | string | boolean | DbusValue[] | DbusVariant;

export interface DbusVariant {
  signature: string;
  value: DbusValue;
}

export interface DbusMessage {
  type: keyof typeof messageTypes;
  serial: number;
  path?: string;
  interface?: string;
  member?: string;
  errorName?: string;
  replySerial?: number;
  destination?: string;
  sender?: string;
  /** Descriptors that come with it. */
  descriptors?: number;
  signature?: string;
  body?: DbusValue[];
}

const messageTypes = { call: 1, reply: 2, error: 3, signal: 4 } as const;
/** Header fields by number, with their types. */
const headerFields = [
  ['path', 'o'],
  ['interface', 's'],
  ['member', 's'],
  ['errorName', 's'],
  ['replySerial', 'u'],
  ['destination', 's'],
  ['sender', 's'],
  ['signature', 'g'],
  ['descriptors', 'u'],
] as const;

const alignments: Record<string, number> = { y: 1, g: 1, v: 1, n: 2, q: 2, x: 8, t: 8, d: 8, '(': 8, '{': 8 };
const alignmentOf = (type: string) => alignments[type[0] ?? ''] ?? 4;

/** The single complete types of a signature: 'sa{sv}(uo)' is 's', 'a{sv}', '(uo)'. */
export function splitSignature(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const end = endOfType(signature, at);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

function endOfType(signature: string, at: number): number {
  const first = signature[at];
  if (first === undefined) throw new Error(`D-Bus signature "${signature}" ends too early`);
  if (first === 'a') return endOfType(signature, at + 1);
  if (first !== '(' && first !== '{') return at + 1;
  const close = first === '(' ? ')' : '}';
  let next = at + 1;
  while (signature[next] !== close) next = endOfType(signature, next);
  return next + 1;
}

export function encodeMessage(message: DbusMessage): Buffer {
  const { type, serial, body = [], signature = '' } = message;
  const content = new Writer();
  for (const [i, one] of splitSignature(signature).entries()) content.write(one, body[i]!);
  const fields = headerFields.flatMap(([name, fieldType], i) => {
    const value = message[name];
    return value === undefined || value === '' ? [] : [[i + 1, { signature: fieldType, value }] as DbusValue];
  });
  const header = new Writer();
  for (const byte of [0x6c, messageTypes[type], 0, 1]) header.write('y', byte);
  header.write('u', content.length);
  header.write('u', serial);
  header.write('a(yv)', fields);
  header.align(8);
  return Buffer.concat([header.finish(), content.finish()]);
}

/** The first message in `bytes` and its length, or undefined while it is not whole. */
export function decodeMessage(bytes: Buffer): { message: DbusMessage; length: number } | undefined {
  if (bytes.length < 16) return undefined;
  if (bytes[0] !== 0x6c) throw new Error('D-Bus message is not little-endian');
  const headerEnd = Math.ceil((16 + bytes.readUInt32LE(12)) / 8) * 8;
  const length = headerEnd + bytes.readUInt32LE(4);
  if (bytes.length < length) return undefined;
  const [type = 'call'] = Object.entries(messageTypes).find(([, number]) => number === bytes[1]) ?? [];
  const message: DbusMessage = { type: type as DbusMessage['type'], serial: bytes.readUInt32LE(8) };
  const header = new Reader(bytes.subarray(0, headerEnd), 12);
  for (const field of header.read('a(yv)') as [number, DbusVariant][]) {
    const [name] = headerFields[field[0] - 1] ?? [];
    if (name) Object.assign(message, { [name]: field[1].value });
  }
  const body = new Reader(bytes.subarray(headerEnd, length), 0);
  message.body = splitSignature(message.signature ?? '').map((one) => body.read(one));
  return { message, length };
}

class Writer {
  #bytes = Buffer.alloc(256);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  align(to: number): void {
    const next = Math.ceil(this.#at / to) * to;
    this.#reserve(next - this.#at);
    this.#at = next;
  }

  write(type: string, value: DbusValue): void {
    this.align(alignmentOf(type));
    const [first] = type;
    if (first === 'a') this.#array(type.slice(1), value as DbusValue[]);
    else if (first === '(' || first === '{') {
      const parts = value as DbusValue[];
      for (const [i, one] of splitSignature(type.slice(1, -1)).entries()) this.write(one, parts[i]!);
    } else if (first === 'v') {
      const { signature, value: inner } = value as DbusVariant;
      this.write('g', signature);
      this.write(signature, inner);
    } else if (first === 's' || first === 'o' || first === 'g') this.#text(first, String(value));
    else this.#number(first ?? '', value as number | bigint | boolean);
  }

  #array(item: string, values: DbusValue[]): void {
    const lengthAt = this.#at;
    this.write('u', 0);
    this.align(alignmentOf(item));
    const start = this.#at;
    for (const value of values) this.write(item, value);
    this.#bytes.writeUInt32LE(this.#at - start, lengthAt);
  }

  #text(type: string, text: string): void {
    const bytes = Buffer.byteLength(text);
    this.write(type === 'g' ? 'y' : 'u', bytes);
    this.#reserve(bytes + 1);
    this.#bytes.write(text, this.#at);
    this.#at += bytes + 1;
  }

  #number(type: string, value: number | bigint | boolean): void {
    const size = type === 'y' ? 1 : alignmentOf(type);
    this.#reserve(size);
    if (size === 8) this.#bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), this.#at);
    else if (size === 4) this.#bytes.writeUInt32LE(Number(value) >>> 0, this.#at);
    else if (size === 2) this.#bytes.writeUInt16LE(Number(value) & 0xffff, this.#at);
    else this.#bytes.writeUInt8(Number(value), this.#at);
    this.#at += size;
  }

  /** Makes room; new bytes are zero, as padding must be. */
  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(Math.max(bytes, this.#bytes.length))]);
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  read(type: string): DbusValue {
    this.#align(alignmentOf(type));
    const [first = ''] = type;
    if (first === 'a') return this.#array(type.slice(1));
    if (first === '(' || first === '{') return splitSignature(type.slice(1, -1)).map((one) => this.read(one));
    if (first === 'v') {
      const signature = this.read('g') as string;
      return { signature, value: this.read(signature) };
    }
    if (first === 's' || first === 'o' || first === 'g') return this.#text(first);
    return this.#number(first);
  }

  #align(to: number): void {
    this.#at = Math.ceil(this.#at / to) * to;
  }

  #array(item: string): DbusValue[] {
    const length = this.read('u') as number;
    this.#align(alignmentOf(item));
    const end = this.#at + length;
    const values: DbusValue[] = [];
    while (this.#at < end) values.push(this.read(item));
    return values;
  }

  #text(type: string): string {
    const length = this.read(type === 'g' ? 'y' : 'u') as number;
    const text = this.#bytes.toString('utf8', this.#at, this.#at + length);
    this.#at += length + 1;
    return text;
  }

  #number(type: string): number | bigint | boolean {
    const at = this.#at;
    const size = type === 'y' ? 1 : alignmentOf(type);
    this.#at += size;
    if (type === 't') return this.#bytes.readBigUInt64LE(at);
    if (type === 'x') return this.#bytes.readBigInt64LE(at);
    if (type === 'd') return this.#bytes.readDoubleLE(at);
    if (type === 'b') return this.#bytes.readUInt32LE(at) !== 0;
    if (type === 'i') return this.#bytes.readInt32LE(at);
    if (size === 4) return this.#bytes.readUInt32LE(at);
    return size === 2 ? this.#bytes.readUInt16LE(at) : this.#bytes.readUInt8(at);
  }
}
