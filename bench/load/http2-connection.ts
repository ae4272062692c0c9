import tls from 'node:tls';
import {
  headersFrames,
  pingFrame,
  putFrameHead,
  settingsAckFrame,
  settingsFrame,
  windowUpdateFrame,
} from '../../src/apiserver/http/h2/frames.ts';
import {
  defaultWindow,
  flag,
  frameHeadSize,
  frameType,
  largestWindow,
  preface,
} from '../../src/apiserver/http/h2/protocol.ts';
import { settingId } from '../../src/apiserver/http/h2/settings.ts';

/**
 * As much HTTP/2 as a load generator needs (RFC 9113), over TLS: requests go out as prepared bytes and answers are
 * counted, not decoded, so that it takes a fraction of what it measures.
 */
export interface Credentials {
  host: string;
  port: number;
  ca: string;
  cert: string;
  key: string;
}

export interface StreamHandler {
  /** Some of the answer's body, which is there only during the call. */
  data?(chunk: Buffer): void;
  /** The answer is complete. */
  end(): void;
}

const topUpBytes = 1 << 28;

/** What any socket reads is there until it is handled, which happens at once: one buffer does for all of them. */
const readBuffer = Buffer.alloc(64 << 10);

export class Http2Connection {
  readonly #socket: tls.TLSSocket;
  readonly #streams = new Map<number, StreamHandler>();
  /** Odd numbers, ascending. */
  #nextId = 1;
  /** What has come of a frame's head, or of a frame other than DATA, that is not complete. */
  #rest: Buffer = Buffer.alloc(0);
  /** The DATA frame that has begun: how much of it is still to come. */
  #data = { id: 0, flags: 0, left: 0 };
  /** Received since the window was last topped up. */
  #received = 0;

  static connect({ host, port, ca, cert, key }: Credentials): Promise<Http2Connection> {
    return new Promise((resolve, reject) => {
      let connection: Http2Connection | undefined;
      const onread = {
        buffer: readBuffer,
        callback(length: number, bytes: Uint8Array) {
          connection!.#read(Buffer.from(bytes.buffer, bytes.byteOffset, length));
          return true;
        },
      };
      const options = { host, port, ca, cert, key, ALPNProtocols: ['h2'], servername: 'kubernetes', onread };
      const socket = tls.connect(options);
      socket.setNoDelay(true);
      socket.once('error', reject);
      connection = new Http2Connection(socket);
      socket.once('secureConnect', () => resolve(connection));
    });
  }

  private constructor(socket: tls.TLSSocket) {
    this.#socket = socket;
    socket.write(preface);
    socket.write(
      settingsFrame([
        [settingId.enablePush, 0],
        [settingId.initialWindowSize, largestWindow],
      ]),
    );
    socket.write(windowUpdateFrame(0, largestWindow - defaultWindow));
  }

  request(head: Buffer, body: Buffer | undefined, handler: StreamHandler): void {
    const id = this.#nextId;
    this.#nextId += 2;
    this.#streams.set(id, handler);
    this.#socket.write(body ? withBody(id, head, body) : headersFrames(id, head, true));
  }

  /** Sends a request and resolves with the number of bytes of its answer. */
  fetch(head: Buffer, body?: Buffer): Promise<number> {
    return new Promise((resolve) => {
      let bytes = 0;
      const data = (chunk: Buffer) => {
        bytes += chunk.length;
      };
      this.request(head, body, { data, end: () => resolve(bytes) });
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    while (at < bytes.length) {
      if (this.#data.left > 0) {
        const end = Math.min(bytes.length, at + this.#data.left);
        this.#dataPart(bytes.subarray(at, end));
        at = end;
        continue;
      }
      if (bytes.length - at < frameHeadSize) break;
      const length = bytes.readUIntBE(at, 3);
      const [type, flags, id] = [bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5) & 0x7fffffff];
      const start = at + frameHeadSize;
      if (type === frameType.data) {
        this.#data = { id, flags, left: length };
        if (length === 0) this.#dataPart(bytes.subarray(start, start));
        at = start;
        continue;
      }
      if (bytes.length - start < length) break;
      this.#frame(type, flags, id, bytes.subarray(start, start + length));
      at = start + length;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  /** Data is handed on as it comes: large answers are not collected. */
  #dataPart(part: Buffer): void {
    const { id, flags } = this.#data;
    this.#data.left -= part.length;
    this.#takeIn(part.length);
    this.#streams.get(id)?.data?.(part);
    if (this.#data.left === 0 && flags & flag.endStream) this.#end(id);
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === frameType.headers) {
      if (flags & flag.endStream) this.#end(id);
    } else if (type === frameType.settings && !(flags & flag.ack)) {
      this.#socket.write(settingsAckFrame());
    } else if (type === frameType.ping && !(flags & flag.ack)) {
      this.#socket.write(pingFrame(payload, flag.ack));
    } else if (type === frameType.rstStream) {
      throw new Error(`the server reset a stream: error ${payload.readUInt32BE(0)}`);
    } else if (type === frameType.goaway) {
      throw new Error(`the server goes away: error ${payload.readUInt32BE(4)}`);
    }
  }

  #end(id: number): void {
    const handler = this.#streams.get(id);
    this.#streams.delete(id);
    handler?.end();
  }

  #takeIn(bytes: number): void {
    this.#received += bytes;
    if (this.#received < topUpBytes) return;
    this.#socket.write(windowUpdateFrame(0, this.#received));
    this.#received = 0;
  }
}

/** A header block: what is in the static table by its number, the rest as literals (RFC 7541 appendix A and section 6.2.2). */
export function requestHead(method: 'GET' | 'POST', path: string): Buffer {
  const parts = [
    Buffer.from([method === 'GET' ? 0x82 : 0x83, 0x87]),
    literal(4, path),
    literal(1, 'kubernetes'),
    literal(19, 'application/json'),
  ];
  if (method === 'POST') parts.push(literal(31, 'application/json'));
  return Buffer.concat(parts);
}

function literal(index: number, value: string): Buffer {
  const text = Buffer.from(value);
  return Buffer.concat([integer(index, 4), integer(text.length, 7), text]);
}

function integer(value: number, prefixBits: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.from([value]);
  const bytes = [most];
  let left = value - most;
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
  bytes.push(left);
  return Buffer.from(bytes);
}

/** A request with a body that fits into one frame. */
function withBody(id: number, head: Buffer, body: Buffer): Buffer {
  const frames = headersFrames(id, head, false, frameHeadSize + body.length);
  const at = frames.length - body.length;
  putFrameHead(frames, at - frameHeadSize, body.length, frameType.data, flag.endStream, id);
  frames.set(body, at);
  return frames;
}
