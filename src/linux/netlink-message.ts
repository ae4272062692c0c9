/**
 * Netlink messages as bytes (RFC 3549 section 2.2; netlink(7)): headers, nested attributes, answers. Integers are in the
 * host's order, which is little-endian on every machine that Node runs on here (x86-64, arm64); addresses are big-endian.
 */

export const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
const headerLength = 16;
const align = (length: number) => (length + 3) & ~3;

/** Builds one or more messages in one buffer. */
export class NetlinkWriter {
  /** Grown by doubling; only the first #length bytes count. */
  #buffer = Buffer.alloc(1024);
  /** Bytes written. */
  #length = 0;
  /** Sequence number of the last message begun. */
  #sequence: number;

  constructor(firstSequence: number) {
    this.#sequence = firstSequence - 1;
  }

  /** One message: header, a fixed part, attributes written by `attributes`. */
  message(type: number, flags: number, fixed: Uint8Array, attributes?: (writer: NetlinkWriter) => void): this {
    const start = this.#length;
    this.#reserve(headerLength);
    this.#buffer.writeUInt16LE(type, start + 4);
    this.#buffer.writeUInt16LE(flags | NLM_F_REQUEST, start + 6);
    this.#buffer.writeUInt32LE(++this.#sequence, start + 8);
    this.#bytes(fixed);
    attributes?.(this);
    this.#buffer.writeUInt32LE(this.#length - start, start);
    return this;
  }

  attribute(type: number, value: Uint8Array): this {
    const start = this.#reserve(4);
    this.#buffer.writeUInt16LE(4 + value.length, start);
    this.#buffer.writeUInt16LE(type, start + 2);
    this.#bytes(value);
    return this;
  }

  u8(type: number, value: number): this {
    return this.attribute(type, Buffer.of(value));
  }

  u32(type: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return this.attribute(type, bytes);
  }

  string(type: number, value: string): this {
    return this.attribute(type, Buffer.from(`${value}\0`));
  }

  nest(type: number, attributes: (writer: NetlinkWriter) => void, fixed?: Uint8Array): this {
    const start = this.#reserve(4);
    if (fixed) this.#bytes(fixed);
    attributes(this);
    this.#buffer.writeUInt16LE(this.#length - start, start);
    this.#buffer.writeUInt16LE(type, start + 2);
    return this;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  get lastSequence(): number {
    return this.#sequence;
  }

  #bytes(value: Uint8Array): void {
    const start = this.#reserve(align(value.length));
    this.#buffer.set(value, start);
  }

  /** Makes room for `length` more zero bytes and returns where they start. */
  #reserve(length: number): number {
    const start = this.#length;
    this.#length += length;
    while (this.#length > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.#buffer, Buffer.alloc(this.#buffer.length)]);
    }
    return start;
  }
}

export interface NetlinkMessage {
  type: number;
  sequence: number;
  flags: number;
  payload: Buffer;
}

/** The messages in what one recv(2) returned. */
export function* readMessages(data: Buffer): Generator<NetlinkMessage> {
  for (let at = 0; at + headerLength <= data.length; ) {
    const length = data.readUInt32LE(at);
    if (length < headerLength || at + length > data.length) return;
    yield {
      type: data.readUInt16LE(at + 4),
      flags: data.readUInt16LE(at + 6),
      sequence: data.readUInt32LE(at + 8),
      payload: data.subarray(at + headerLength, at + length),
    };
    at += align(length);
  }
}

/** The attributes after a fixed part of `fixedLength` bytes; of a repeated one the last. */
export function readAttributes(payload: Buffer, fixedLength = 0): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = align(fixedLength); at + 4 <= payload.length; ) {
    const length = payload.readUInt16LE(at);
    if (length < 4 || at + length > payload.length) break;
    attributes.set(payload.readUInt16LE(at + 2) & 0x3fff, payload.subarray(at + 4, at + length));
    at += align(length);
  }
  return attributes;
}

/** What ends a request: an acknowledgement (errno 0), an error with the kernel's own words, or the end of a dump. */
export function readEnd(message: NetlinkMessage): { errno: number; text: string } | undefined {
  if (message.type === NLMSG_DONE) {
    const errno = message.payload.length >= 4 ? -message.payload.readInt32LE(0) : 0;
    return { errno: Math.max(0, errno), text: '' };
  }
  if (message.type !== NLMSG_ERROR) return undefined;
  const errno = -message.payload.readInt32LE(0);
  if (!(message.flags & NLM_F_ACK_TLVS)) return { errno, text: '' };
  const original = message.payload.readUInt32LE(4);
  const fixed = 4 + (message.flags & NLM_F_CAPPED ? headerLength : Math.max(original, headerLength));
  const text = readAttributes(message.payload, fixed).get(NLMSGERR_ATTR_MSG);
  return { errno, text: text ? readString(text) : '' };
}

export function readString(value: Buffer): string {
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
}
