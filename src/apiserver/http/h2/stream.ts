import { headersFrames } from './frames.ts';
import type { HpackEncoder } from './hpack/encoder.ts';
import { type ErrorCode, errorCode, largestWindow, StreamError } from './protocol.ts';
import type { RequestHead } from './request-head.ts';
import { SendQueue } from './send-queue.ts';
import type { Sender, Sending } from './sender.ts';

export type ResponseHeaders = Record<string, string | number | readonly string[] | undefined>;

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly sender: Sender;
  readonly encoder: HpackEncoder;
  /** Bytes of bodies have been read or dropped: the peer may send as many again, for the stream too if it is named. */
  consumed(bytes: number, stream?: ServerStream): void;
  /** Nothing more comes or goes on it; `reset` tells the peer so. */
  closed(stream: ServerStream, reset: ErrorCode | undefined): void;
}

/** More than this is not taken in before the peer has taken some. */
const highWaterBytes = 256 << 10;

const empty = new Uint8Array();

/** One request and its answer (RFC 9113 section 5.1). */
export class ServerStream implements Sending {
  readonly id: number;
  readonly head: RequestHead;
  readonly queue = new SendQueue();
  window: number;
  /** How much of the body the peer may still send. */
  receiveWindow: number;
  /** Bytes that were consumed since the peer was last told. */
  uncredited = 0;
  /** Called when it is over, in whatever way. */
  onClose: (() => void) | undefined;
  /** The end of the request has come. */
  #remoteEnded = false;
  /** The end of the answer is in the queue. */
  #ending = false;
  #closed = false;
  #answered = false;
  /** What has come of the body. */
  #chunks: Buffer[] = [];
  #received = 0;
  /** Of that, what nobody has asked for: the peer gets no room for more until somebody does. */
  #held = 0;
  #reader: BodyReader | undefined;
  #body: Promise<Uint8Array> | undefined;
  /** Waits for room in the queue. */
  #drained: (() => void) | undefined;
  readonly #owner: StreamOwner;

  constructor(owner: StreamOwner, id: number, head: RequestHead, windows: { send: number; receive: number }) {
    this.#owner = owner;
    this.id = id;
    this.head = head;
    this.window = windows.send;
    this.receiveWindow = windows.receive;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  get ending(): boolean {
    return this.#ending;
  }

  /** The whole body. Rejects with `tooLarge()` if there are more bytes than `most`, with `cutOff()` if it breaks off. */
  body(most: number, tooLarge: () => Error, cutOff: () => Error): Promise<Uint8Array> {
    this.#body ??= this.#readBody(most, tooLarge, cutOff);
    return this.#body;
  }

  /** A whole answer. */
  respond(status: number, headers: ResponseHeaders, body: Uint8Array = empty): void {
    if (this.#closed || this.#answered) return;
    this.#answered = true;
    const { encoder, sender } = this.#owner;
    const block = encoder.encode(status, headers);
    this.#ending = true;
    if (body.length === 0) {
      sender.add(headersFrames(this.id, block, true));
      this.ended();
    } else if (sender.addWhole(this, block, body)) this.ended();
    else {
      sender.add(headersFrames(this.id, block, false));
      this.queue.push(body);
      sender.pump(this);
    }
  }

  /** The head of an answer whose body comes by write() and end(). */
  respondHead(status: number, headers: ResponseHeaders): void {
    if (this.#closed || this.#answered) return;
    this.#answered = true;
    this.#owner.sender.add(headersFrames(this.id, this.#owner.encoder.encode(status, headers), false));
  }

  /** Returns whether more may come at once; if not, drained() says when. */
  write(chunk: Uint8Array): boolean {
    if (this.#closed || this.#ending) return true;
    this.queue.push(chunk);
    this.#owner.sender.pump(this);
    return this.queue.bytes < highWaterBytes;
  }

  /** Many at once, which are not copied as long as they wait. */
  writeAll(chunks: readonly Uint8Array[]): void {
    if (this.#closed || this.#ending) return;
    for (const chunk of chunks) this.queue.push(chunk);
    this.#owner.sender.pump(this);
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    this.#owner.sender.pump(this);
  }

  /** Resolves when there is room again, or nobody who waits for it. */
  drained(): Promise<void> {
    if (this.#closed || this.queue.bytes < highWaterBytes) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  /** Breaks it off. */
  reset(code: ErrorCode): void {
    this.#close(code);
  }

  // From here on: what the connection tells it.

  progressed(): void {
    if (this.queue.bytes >= highWaterBytes) return;
    this.#drained?.();
    this.#drained = undefined;
  }

  ended(): void {
    // Whoever has the whole answer need not send the rest of its question (RFC 9113 section 8.1).
    this.#close(this.#remoteEnded ? undefined : errorCode.noError);
  }

  /** The peer takes so much more (or less, if it has changed its settings). */
  widen(bytes: number): void {
    this.window += bytes;
    if (this.window > largestWindow) throw new StreamError(errorCode.flowControlError, 'the window is too large');
    if (this.#answered && this.queue.bytes > 0) this.#owner.sender.pump(this);
  }

  received(data: Buffer, paddedSize: number): void {
    this.receiveWindow -= paddedSize;
    if (this.receiveWindow < 0) throw new StreamError(errorCode.flowControlError, 'more than the window');
    this.#received += data.length;
    const { contentLength } = this.head;
    if (contentLength !== undefined && this.#received > contentLength) {
      this.#owner.consumed(paddedSize);
      throw new StreamError(errorCode.protocolError, 'more than content-length says');
    }
    const reader = this.#reader;
    if (reader && this.#received > reader.most) {
      // What comes now is not kept; the other streams' windows do not suffer from it.
      this.#chunks = [];
      this.#owner.consumed(paddedSize);
      reader.reject(reader.tooLarge());
      return;
    }
    this.#chunks.push(data);
    if (reader) this.#owner.consumed(paddedSize, this);
    else {
      this.#held += data.length;
      if (paddedSize > data.length) this.#owner.consumed(paddedSize - data.length, this);
    }
  }

  /** END_STREAM has come. */
  receivedEnd(): void {
    const { contentLength } = this.head;
    if (contentLength !== undefined && this.#received !== contentLength)
      throw new StreamError(errorCode.protocolError, 'less than content-length says');
    this.#remoteEnded = true;
    this.#reader?.resolve(this.#takeBody());
  }

  /** Reset by the peer, or its connection is gone. */
  gone(): void {
    this.#close(undefined);
  }

  #readBody(most: number, tooLarge: () => Error, cutOff: () => Error): Promise<Uint8Array> {
    if (this.#received > most) return Promise.reject(tooLarge());
    if (this.#remoteEnded) return Promise.resolve(this.#takeBody());
    if (this.#closed) return Promise.reject(cutOff());
    if (this.#received === 0 && this.head.headers.expect?.toLowerCase() === '100-continue') this.#continue();
    return new Promise((resolve, reject) => {
      this.#reader = { most, resolve, reject, tooLarge, cutOff };
      this.#release(this);
    });
  }

  #takeBody(): Uint8Array {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#release();
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  /** What was held counts no longer. */
  #release(stream?: ServerStream): void {
    if (this.#held > 0) this.#owner.consumed(this.#held, stream);
    this.#held = 0;
  }

  /** RFC 9110 section 10.1.1. */
  #continue(): void {
    this.#owner.sender.add(headersFrames(this.id, this.#owner.encoder.encode(100, {}), false));
  }

  #close(reset: ErrorCode | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.queue.clear();
    this.#owner.sender.forget(this);
    if (!this.#remoteEnded) {
      this.#chunks = [];
      this.#reader?.reject(this.#reader.cutOff());
    }
    this.#release();
    this.#drained?.();
    this.#owner.closed(this, reset);
    this.onClose?.();
  }
}

interface BodyReader {
  most: number;
  resolve(body: Uint8Array): void;
  reject(error: Error): void;
  tooLarge(): Error;
  cutOff(): Error;
}
