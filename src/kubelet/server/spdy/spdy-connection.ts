import { Duplex } from 'node:stream';
import { HeaderReader, HeaderWriter } from './header-block.ts';

const type = { synStream: 1, synReply: 2, reset: 3, settings: 4, ping: 6, goAway: 7, headers: 8, window: 9 } as const;
const fin = 0x01;
/** What one control frame may hold; data frames are passed on in pieces of any size. */
const maxControlBytes = 64 * 1024;

/** One stream of a connection: bytes both ways, each side may end its own. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly #send: (frame: Buffer, done: (error?: Error | null) => void) => void;
  /** Reads again when the reader wants more; set while the reader is full. */
  resumeRead: (() => void) | undefined;

  constructor(id: number, headers: ReadonlyMap<string, string>, send: SpdyStream['send']) {
    super({ allowHalfOpen: true });
    this.id = id;
    this.headers = headers;
    this.#send = send;
    this.on('error', () => {});
  }

  /** Sends a frame; the callback comes when it is on its way. */
  send(frame: Buffer, done: (error?: Error | null) => void): void {
    this.#send(frame, done);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.send(dataFrame(this.id, 0, chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.send(dataFrame(this.id, fin, Buffer.alloc(0)), done);
  }

  override _read(): void {
    this.resumeRead?.();
    this.resumeRead = undefined;
  }
}

/**
 * The server's side of SPDY/3.1, as much as Kubernetes' clients use (moby/spdystream): streams opened by the client,
 * pings, and no flow-control windows, which those clients do not keep either.
 */
export class SpdyConnection {
  readonly #socket: Duplex;
  readonly #reader = new HeaderReader();
  readonly #writer = new HeaderWriter();
  readonly #streams = new Map<number, SpdyStream>();
  readonly #onStream: (stream: SpdyStream) => void;
  /** Bytes of a frame that is not complete yet. */
  #rest: Buffer = Buffer.alloc(0);
  /** Frames are handled one after the other, as header blocks depend on those before. */
  #work: Promise<void> = Promise.resolve();

  constructor(socket: Duplex, head: Buffer, onStream: (stream: SpdyStream) => void) {
    this.#socket = socket;
    this.#onStream = onStream;
    socket.on('data', (chunk: Buffer) => this.#queue(chunk));
    socket.on('close', () => this.#end());
    socket.on('error', () => socket.destroy());
    if (head.length) this.#queue(head);
  }

  /** Sends what is left and closes. */
  close(): void {
    const goAway = Buffer.alloc(8);
    if (!this.#socket.destroyed) this.#socket.end(controlFrame(type.goAway, 0, goAway));
  }

  onClose(fn: () => void): void {
    this.#socket.on('close', fn);
  }

  #queue(chunk: Buffer): void {
    this.#socket.pause();
    this.#work = this.#work
      .then(() => this.#take(chunk))
      .then(
        () => void this.#socket.resume(),
        () => void this.#socket.destroy(),
      );
  }

  async #take(chunk: Buffer): Promise<void> {
    let data = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk;
    while (data.length >= 8) {
      const length = data.readUIntBE(5, 3);
      const control = (data[0]! & 0x80) !== 0;
      if (control && length > maxControlBytes) throw new Error(`control frame of ${length} bytes`);
      if (data.length < 8 + length) break;
      const frame = data.subarray(0, 8 + length);
      data = data.subarray(8 + length);
      if (control) await this.#control(frame);
      else await this.#data(frame);
    }
    this.#rest = data;
  }

  async #control(frame: Buffer): Promise<void> {
    const body = frame.subarray(8);
    const flags = frame[4]!;
    switch (frame.readUInt16BE(2)) {
      case type.synStream:
        return this.#open(body, flags);
      case type.headers:
        // Not used by Kubernetes, but the compression must see the block.
        await this.#reader.read(body.subarray(4));
        return;
      case type.reset:
        this.#streams.get(body.readUInt32BE(0))?.destroy();
        this.#streams.delete(body.readUInt32BE(0));
        return;
      case type.ping:
        // Odd ids are the client's; it wants the same back.
        if (body.readUInt32BE(0) % 2 === 1) this.#socket.write(controlFrame(type.ping, 0, body));
        return;
      default:
        return;
    }
  }

  async #open(body: Buffer, flags: number): Promise<void> {
    const id = body.readUInt32BE(0) & 0x7fffffff;
    const headers = await this.#reader.read(body.subarray(10));
    const stream = new SpdyStream(id, headers, (frame, done) => {
      if (this.#socket.destroyed) done();
      else this.#socket.write(frame, () => done());
    });
    this.#streams.set(id, stream);
    const idBytes = Buffer.alloc(4);
    idBytes.writeUInt32BE(id);
    const block = await this.#writer.write([]);
    this.#socket.write(controlFrame(type.synReply, 0, Buffer.concat([idBytes, block])));
    stream.on('close', () => this.#streams.delete(id));
    this.#onStream(stream);
    if (flags & fin) stream.push(null);
  }

  async #data(frame: Buffer): Promise<void> {
    const stream = this.#streams.get(frame.readUInt32BE(0));
    if (!stream || stream.destroyed) return;
    const payload = frame.subarray(8);
    if (payload.length && !stream.push(payload) && !(frame[4]! & fin)) {
      // A slow reader holds up the connection, as it does in Kubernetes.
      await new Promise<void>((resolve) => {
        stream.resumeRead = resolve;
        stream.once('close', resolve);
      });
    }
    if (frame[4]! & fin) stream.push(null);
  }

  #end(): void {
    for (const stream of this.#streams.values()) stream.destroy();
    this.#streams.clear();
    this.#reader.close();
    this.#writer.close();
  }
}

function dataFrame(id: number, flags: number, data: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(id, 0);
  header[4] = flags;
  header.writeUIntBE(data.length, 5, 3);
  return Buffer.concat([header, data]);
}

function controlFrame(kind: number, flags: number, body: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(0x8003, 0);
  header.writeUInt16BE(kind, 2);
  header[4] = flags;
  header.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([header, body]);
}
