import { type Duplex, duplexPair } from 'node:stream';
import { Http2Connection, type OnStream } from '../connection.ts';
import { putFrameHead } from '../frames.ts';
import { HpackDecoder } from '../hpack/decoder.ts';
import { flag, frameHeadSize, frameType, preface } from '../protocol.ts';

export interface Frame {
  type: number;
  flags: number;
  id: number;
  payload: Buffer;
}

export function frame(type: number, flags: number, id: number, payload: Uint8Array | string = ''): Buffer {
  const bytes = Buffer.from(payload as string);
  const whole = Buffer.alloc(frameHeadSize + bytes.length);
  putFrameHead(whole, 0, bytes.length, type, flags, id);
  whole.set(bytes, frameHeadSize);
  return whole;
}

export const settings = (...pairs: [id: number, value: number][]) =>
  frame(
    frameType.settings,
    0,
    0,
    Buffer.concat(pairs.map(([id, value]) => Buffer.concat([number(id, 2), number(value, 4)]))),
  );
export const number = (value: number, bytes: number) => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
};

/** A header block of literals that stay out of the table. */
export function block(...fields: [name: string, value: string][]): Buffer {
  const text = (value: string) => {
    const bytes = Buffer.from(value, 'latin1');
    return Buffer.concat([bytes.length < 127 ? number(bytes.length, 1) : long(bytes.length), bytes]);
  };
  return Buffer.concat(fields.flatMap(([name, value]) => [number(0, 1), text(name), text(value)]));
}

function long(length: number): Buffer {
  const bytes = [127];
  let left = length - 127;
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
  return Buffer.from([...bytes, left]);
}

export const get: [string, string][] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/'],
  [':authority', 'kubernetes'],
];
export const post: [string, string][] = [[':method', 'POST'], ...get.slice(1)];

export const headers = (id: number, fields: [string, string][], flags: number = flag.endStream) =>
  frame(frameType.headers, flags | flag.endHeaders, id, block(...fields));

/** The client's end of a connection within the process, frame by frame. */
export class RawClient {
  readonly server: Http2Connection;
  readonly socket: Duplex;
  readonly frames: Frame[] = [];
  readonly decoder = new HpackDecoder();
  closed = false;
  #rest = Buffer.alloc(0);

  /** `greeting`: what is sent first; the preface and empty settings, if not told otherwise. */
  constructor(onStream: OnStream, greeting: Buffer = Buffer.concat([preface, settings()])) {
    const [client, server] = duplexPair();
    this.socket = client;
    this.server = new Http2Connection(server, onStream);
    client.on('data', (chunk: Buffer) => this.#read(chunk));
    client.on('error', () => {});
    client.once('end', () => {
      this.closed = true;
    });
    if (greeting.length > 0) client.write(greeting);
  }

  /** Sends, and waits until all has been read and answered. */
  async send(...bytes: Buffer[]): Promise<void> {
    if (bytes.length > 0 && this.socket.writable) this.socket.write(Buffer.concat(bytes));
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  }

  of(type: number): Frame[] {
    return this.frames.filter((one) => one.type === type);
  }

  /** Codes of the GOAWAY and of the RST_STREAMs that came. */
  get goaway(): number | undefined {
    return this.of(frameType.goaway).at(-1)?.payload.readUInt32BE(4);
  }

  get resets(): [id: number, code: number][] {
    return this.of(frameType.rstStream).map(({ id, payload }) => [id, payload.readUInt32BE(0)]);
  }

  /** The body of a stream, as far as it has come. */
  body(id: number): Buffer {
    return Buffer.concat(this.of(frameType.data).flatMap((one) => (one.id === id ? [one.payload] : [])));
  }

  #read(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= frameHeadSize) {
      const end = frameHeadSize + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      const payload = bytes.subarray(frameHeadSize, end);
      this.frames.push({ type: bytes[3]!, flags: bytes[4]!, id: bytes.readUInt32BE(5), payload });
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }
}
