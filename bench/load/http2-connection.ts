import tls from 'node:tls';

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

const frameTypes = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 };
const flags = { endStream: 1, endHeaders: 4, ack: 1, padded: 8, priority: 32 };
const largestWindow = 2 ** 31 - 1;
const topUpBytes = 1 << 28;
const frameHeadBytes = 9;

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
  #data = { id: 0, flag: 0, left: 0 };
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
    const settings = Buffer.alloc(12);
    settings.writeUInt16BE(2, 0); // no push
    settings.writeUInt16BE(4, 6); // the window of each stream
    settings.writeUInt32BE(largestWindow, 8);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(frame(frameTypes.settings, 0, 0, settings));
    socket.write(windowUpdate(largestWindow - 65_535));
  }

  request(head: Buffer, body: Buffer | undefined, handler: StreamHandler): void {
    const id = this.#nextId;
    this.#nextId += 2;
    this.#streams.set(id, handler);
    const start = frame(frameTypes.headers, flags.endHeaders | (body ? 0 : flags.endStream), id, head);
    this.#socket.write(body ? Buffer.concat([start, frame(frameTypes.data, flags.endStream, id, body)]) : start);
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
      if (bytes.length - at < frameHeadBytes) break;
      const length = bytes.readUIntBE(at, 3);
      const [type, flag, id] = [bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5) & 0x7fffffff];
      const start = at + frameHeadBytes;
      if (type === frameTypes.data) {
        this.#data = { id, flag, left: length };
        if (length === 0) this.#dataPart(bytes.subarray(start, start));
        at = start;
        continue;
      }
      if (bytes.length - start < length) break;
      this.#frame(type, flag, id, bytes.subarray(start, start + length));
      at = start + length;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  /** Data is handed on as it comes: large answers are not collected. */
  #dataPart(part: Buffer): void {
    const { id, flag } = this.#data;
    this.#data.left -= part.length;
    this.#takeIn(part.length);
    this.#streams.get(id)?.data?.(part);
    if (this.#data.left === 0 && flag & flags.endStream) this.#end(id);
  }

  #frame(type: number, flag: number, id: number, payload: Buffer): void {
    if (type === frameTypes.headers) {
      if (flag & flags.endStream) this.#end(id);
    } else if (type === frameTypes.settings && !(flag & flags.ack)) {
      this.#socket.write(frame(frameTypes.settings, flags.ack, 0, Buffer.alloc(0)));
    } else if (type === frameTypes.ping && !(flag & flags.ack)) {
      this.#socket.write(frame(frameTypes.ping, flags.ack, 0, payload));
    } else if (type === frameTypes.rstStream) {
      throw new Error(`the server reset a stream: error ${payload.readUInt32BE(0)}`);
    } else if (type === frameTypes.goaway) {
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
    this.#socket.write(windowUpdate(this.#received));
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

function frame(type: number, flag: number, id: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flag;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(frameTypes.windowUpdate, 0, 0, payload);
}
