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
  data?(chunk: Buffer): void;
  /** The answer is complete; `headers` is its header block, still in HPACK. */
  end(headers: Buffer): void;
}

const frameTypes = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 };
const flags = { endStream: 1, endHeaders: 4, ack: 1, padded: 8, priority: 32 };
const largestWindow = 2 ** 31 - 1;
const topUpBytes = 1 << 28;

export class Http2Connection {
  readonly #socket: tls.TLSSocket;
  readonly #streams = new Map<number, { handler: StreamHandler; headers: Buffer }>();
  /** Odd numbers, ascending. */
  #nextId = 1;
  /** What has come of a frame that is not complete. */
  #rest: Buffer = Buffer.alloc(0);
  /** Received since the window was last topped up. */
  #received = 0;

  static connect({ host, port, ca, cert, key }: Credentials): Promise<Http2Connection> {
    return new Promise((resolve, reject) => {
      const socket = tls.connect({ host, port, ca, cert, key, ALPNProtocols: ['h2'], servername: 'kubernetes' });
      socket.setNoDelay(true);
      socket.once('error', reject);
      socket.once('secureConnect', () => resolve(new Http2Connection(socket)));
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
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  request(head: Buffer, body: Buffer | undefined, handler: StreamHandler): void {
    const id = this.#nextId;
    this.#nextId += 2;
    this.#streams.set(id, { handler, headers: this.#rest });
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
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    while (bytes.length >= 9) {
      const length = bytes.readUIntBE(0, 3);
      const id = bytes.readUInt32BE(5) & 0x7fffffff;
      // Data is handed on as it comes: large answers are not collected.
      if (bytes.length < 9 + length) break;
      this.#frame(bytes[3]!, bytes[4]!, id, bytes.subarray(9, 9 + length));
      bytes = bytes.subarray(9 + length);
    }
    this.#rest = bytes;
  }

  #frame(type: number, flag: number, id: number, payload: Buffer): void {
    if (type === frameTypes.data || type === frameTypes.headers) {
      const stream = this.#streams.get(id);
      if (type === frameTypes.data) {
        this.#takeIn(payload.length);
        stream?.handler.data?.(payload);
      } else if (stream) stream.headers = payload;
      if (flag & flags.endStream && stream) {
        this.#streams.delete(id);
        stream.handler.end(stream.headers);
      }
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
