import type { Duplex } from 'node:stream';
import { FloodGuard } from './flood-guard.ts';
import { FrameReader } from './frame-reader.ts';
import { goawayFrame, pingFrame, resetFrame, settingsAckFrame, settingsFrame, windowUpdateFrame } from './frames.ts';
import { HeaderBlocks, unpadded } from './header-blocks.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import type { HeaderField } from './hpack/header-field.ts';
import {
  ConnectionError,
  defaultWindow,
  type ErrorCode,
  errorCode,
  flag,
  frameType,
  largestStreamId,
  StreamError,
} from './protocol.ts';
import { checkTrailers, type RequestHead, readRequestHead } from './request-head.ts';
import { Sender } from './sender.ts';
import { applySettings, defaultSettings, settingId } from './settings.ts';
import { ServerStream, type StreamOwner } from './stream.ts';

/** Requests under way at a time (kube-apiserver: 250; its clients open connections when these are used up, Node's don't). */
const maxStreams = 1000;
/** How much of a body may come before somebody reads it, for one stream and for all. */
const streamWindow = 1 << 20;
const connectionWindow = 4 << 20;
/** Names, values and 32 bytes for each field, as SETTINGS_MAX_HEADER_LIST_SIZE counts. */
const maxHeaderListBytes = 64 << 10;
/** Replies that may wait for a peer that does not read. */
const maxReplies = 1000;
/** How long a peer may take for its preface and our settings, and how long a connection that is done with may linger. */
const settleMs = 10_000;
const lingerMs = 1000;
/** As kube-apiserver's IdleTimeout. */
export const idleMs = 90_000;

export type OnStream = (stream: ServerStream) => void;

/** The server's end of one HTTP/2 connection (RFC 9113): `onStream` gets each request. */
export class Http2Connection implements StreamOwner {
  readonly sender: Sender;
  readonly encoder = new HpackEncoder();
  readonly #socket: Duplex;
  readonly #onStream: OnStream;
  readonly #reader = new FrameReader((...frame) => this.#frame(...frame));
  readonly #blocks = new HeaderBlocks((...block) => this.#headers(...block));
  readonly #settings = defaultSettings();
  readonly #streams = new Map<number, ServerStream>();
  /** The highest number of a stream that was opened. */
  #lastStreamId = 0;
  /** Streams that we broke off: what the peer sent before it heard of it is ignored. The oldest are forgotten. */
  readonly #reset = new Set<number>();
  #receiveWindow = connectionWindow;
  /** Bytes that were consumed since the peer was last told. */
  #uncredited = 0;
  /** The client's first SETTINGS have come. */
  #begun = false;
  #settled = false;
  /** Answers to PING and SETTINGS since the peer has last taken all that was sent. */
  #replies = 0;
  /** Set when no stream beyond is taken any more. */
  #goneAway: number | undefined;
  #ended = false;
  /** When the last stream ended, or something else began that must not last. */
  #sinceMs = performance.now();
  readonly #resets = new FloodGuard('streams that came to nothing', 1000, 33);
  readonly #idleFrames = new FloodGuard('frames without a purpose', 10_000, 330);

  constructor(socket: Duplex, onStream: OnStream) {
    this.#socket = socket;
    this.#onStream = onStream;
    this.sender = new Sender(socket);
    this.sender.add(
      settingsFrame([
        [settingId.maxConcurrentStreams, maxStreams],
        [settingId.initialWindowSize, streamWindow],
        [settingId.maxHeaderListSize, maxHeaderListBytes],
      ]),
    );
    this.sender.add(windowUpdateFrame(0, connectionWindow - defaultWindow));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {});
    socket.once('end', () => socket.end());
    socket.once('close', () => this.#over());
  }

  /** Lets what is under way finish, and nothing begin: the peer is told in two steps, so that no request is lost (section 6.8). */
  close(): void {
    if (this.#goneAway !== undefined || this.#ended) return;
    this.#goneAway = largestStreamId;
    this.sender.add(goawayFrame(largestStreamId));
    this.sender.add(pingFrame(goodbye));
    setTimeout(() => this.#goFinally(), lingerMs).unref();
  }

  /** To be called now and then: ends a connection that does not get on, or that nobody has used for long. */
  look(now = performance.now()): void {
    const idle = now - this.#sinceMs;
    if (!this.#settled || this.#blocks.midway) {
      if (idle > settleMs) this.#fail(new ConnectionError(errorCode.settingsTimeout, 'the client does not get on'));
    } else if (this.#streams.size === 0 && idle > idleMs) this.close();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  consumed(bytes: number, stream?: ServerStream): void {
    this.#uncredited += bytes;
    if (this.#uncredited >= connectionWindow / 2) {
      this.sender.add(windowUpdateFrame(0, this.#uncredited));
      this.#receiveWindow += this.#uncredited;
      this.#uncredited = 0;
    }
    if (!stream || stream.remoteEnded) return;
    stream.uncredited += bytes;
    if (stream.uncredited < streamWindow / 2) return;
    this.sender.add(windowUpdateFrame(stream.id, stream.uncredited));
    stream.receiveWindow += stream.uncredited;
    stream.uncredited = 0;
  }

  closed(stream: ServerStream, reset: ErrorCode | undefined): void {
    this.#streams.delete(stream.id);
    if (reset !== undefined) this.#sendReset(stream.id, reset);
    if (this.#streams.size > 0) return;
    this.#sinceMs = performance.now();
    this.#endIfDone();
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
  }

  #frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (!this.#begun && (type !== frameType.settings || flags & flag.ack))
      throw new ConnectionError(errorCode.protocolError, 'the first frame is not SETTINGS');
    if (this.#blocks.midway && (type !== frameType.continuation || streamId !== this.#blocks.streamId))
      throw new ConnectionError(errorCode.protocolError, 'a header block was interrupted');
    switch (type) {
      case frameType.data:
        this.#onStreamFrame(streamId, () => this.#data(flags, streamId, payload));
        break;
      case frameType.headers:
      case frameType.continuation:
        if (!this.#blocks.midway) this.#sinceMs = performance.now();
        this.#blocks.add(type, flags, streamId, payload);
        break;
      case frameType.priority:
        this.#priority(streamId, payload);
        break;
      case frameType.rstStream:
        this.#rstStream(streamId, payload);
        break;
      case frameType.settings:
        this.#settingsFrame(flags, streamId, payload);
        break;
      case frameType.pushPromise:
        throw new ConnectionError(errorCode.protocolError, 'a client does not push');
      case frameType.ping:
        this.#ping(flags, streamId, payload);
        break;
      case frameType.goaway:
        requireStream(streamId === 0, 'GOAWAY');
        requireSize(payload.length >= 8, 'GOAWAY', payload);
        break;
      case frameType.windowUpdate:
        this.#onStreamFrame(streamId, () => this.#windowUpdate(streamId, payload));
        break;
      default:
        // Of an extension that we have not agreed on (section 5.5).
        this.#idleFrames.take();
    }
  }

  /** What goes wrong for one stream ends that one. */
  #onStreamFrame(streamId: number, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#resets.take();
      const stream = this.#streams.get(streamId);
      if (stream) stream.reset(error.code);
      else this.#sendReset(streamId, error.code);
    }
  }

  #headers(streamId: number, fields: HeaderField[], endStream: boolean): void {
    this.#onStreamFrame(streamId, () => {
      const stream = this.#streams.get(streamId);
      if (stream) this.#trailers(stream, fields, endStream);
      else if (streamId > this.#lastStreamId) this.#open(streamId, fields, endStream);
      else if (!this.#reset.has(streamId))
        throw new ConnectionError(errorCode.streamClosed, `HEADERS on stream ${streamId}, which is closed`);
    });
  }

  #open(streamId: number, fields: HeaderField[], endStream: boolean): void {
    if (streamId % 2 === 0) throw new ConnectionError(errorCode.protocolError, `stream ${streamId} is not a client's`);
    // Those who open it do not know yet that we are going.
    if (this.#goneAway !== undefined && this.#goneAway < streamId) return;
    this.#lastStreamId = streamId;
    if (this.#streams.size >= maxStreams) throw new StreamError(errorCode.refusedStream, 'too many streams');
    const tooLong = headerListBytes(fields) > maxHeaderListBytes;
    const head = tooLong ? unreadHead : readRequestHead(fields);
    const windows = { send: this.#settings.initialWindowSize, receive: streamWindow };
    const stream = new ServerStream(this, streamId, head, windows);
    this.#streams.set(streamId, stream);
    if (endStream) stream.receivedEnd();
    if (tooLong) stream.respond(431, {});
    else this.#onStream(stream);
  }

  #trailers(stream: ServerStream, fields: HeaderField[], endStream: boolean): void {
    if (stream.remoteEnded) throw new StreamError(errorCode.streamClosed, 'HEADERS after the end');
    if (!endStream) throw new StreamError(errorCode.protocolError, 'trailers without an end');
    checkTrailers(fields);
    stream.receivedEnd();
  }

  #data(flags: number, streamId: number, payload: Buffer): void {
    const data = unpadded(flags, payload);
    this.#receiveWindow -= payload.length;
    if (this.#receiveWindow < 0)
      throw new ConnectionError(errorCode.flowControlError, "more than the connection's window");
    if (data.length === 0 && !(flags & flag.endStream)) this.#idleFrames.take();
    const stream = this.#known(streamId, 'DATA');
    if (!stream || stream.remoteEnded) {
      this.consumed(payload.length);
      if (stream) throw new StreamError(errorCode.streamClosed, 'DATA after the end');
      if (this.#reset.has(streamId) || streamId > this.#lastStreamId) return;
      throw new ConnectionError(errorCode.streamClosed, `DATA on stream ${streamId}, which is closed`);
    }
    stream.received(data, payload.length);
    if (flags & flag.endStream) stream.receivedEnd();
  }

  #windowUpdate(streamId: number, payload: Buffer): void {
    requireSize(payload.length === 4, 'WINDOW_UPDATE', payload);
    const bytes = payload.readUInt32BE(0) & 0x7fffffff;
    if (streamId === 0) {
      if (bytes === 0) throw new ConnectionError(errorCode.protocolError, 'WINDOW_UPDATE of nothing');
      this.sender.widen(bytes);
      return;
    }
    const stream = this.#known(streamId, 'WINDOW_UPDATE');
    if (bytes === 0) throw new StreamError(errorCode.protocolError, 'WINDOW_UPDATE of nothing');
    stream?.widen(bytes);
  }

  #rstStream(streamId: number, payload: Buffer): void {
    requireSize(payload.length === 4, 'RST_STREAM', payload);
    const stream = this.#known(streamId, 'RST_STREAM');
    this.#resets.take();
    stream?.gone();
  }

  /** Ignored (section 5.3.2). */
  #priority(streamId: number, payload: Buffer): void {
    requireStream(streamId !== 0, 'PRIORITY');
    this.#idleFrames.take();
    this.#onStreamFrame(streamId, () => {
      if (payload.length !== 5) throw new StreamError(errorCode.frameSizeError, `PRIORITY of ${payload.length} bytes`);
    });
  }

  #settingsFrame(flags: number, streamId: number, payload: Buffer): void {
    requireStream(streamId === 0, 'SETTINGS');
    if (flags & flag.ack) {
      requireSize(payload.length === 0, 'SETTINGS with ACK', payload);
      this.#settled = true;
      return;
    }
    this.#begun = true;
    const before = this.#settings.initialWindowSize;
    applySettings(this.#settings, payload);
    this.encoder.resize(this.#settings.headerTableSize);
    const wider = this.#settings.initialWindowSize - before;
    if (wider !== 0) for (const stream of [...this.#streams.values()]) widenAll(stream, wider);
    this.#reply(settingsAckFrame());
  }

  #ping(flags: number, streamId: number, payload: Buffer): void {
    requireStream(streamId === 0, 'PING');
    requireSize(payload.length === 8, 'PING', payload);
    if (!(flags & flag.ack)) this.#reply(pingFrame(payload, flag.ack));
    else if (payload.equals(goodbye)) this.#goFinally();
  }

  /** The peer knows that we go, or has had the time to: what it has opened until now is all there will be. */
  #goFinally(): void {
    if (this.#goneAway !== largestStreamId || this.#ended) return;
    this.#goneAway = this.#lastStreamId;
    this.sender.add(goawayFrame(this.#lastStreamId));
    this.#endIfDone();
  }

  #reply(frame: Buffer): void {
    this.#idleFrames.take();
    this.#replies = this.sender.backlog === 0 ? 1 : this.#replies + 1;
    if (this.#replies > maxReplies) throw new ConnectionError(errorCode.enhanceYourCalm, 'too many unread replies');
    this.sender.add(frame);
  }

  /** The stream of a frame; undefined if it is over. */
  #known(streamId: number, what: string): ServerStream | undefined {
    const stream = this.#streams.get(streamId);
    if (stream) return stream;
    requireStream(streamId !== 0, what);
    const ignored = this.#goneAway !== undefined && this.#goneAway < streamId && streamId % 2 === 1;
    if (streamId % 2 === 0 || (streamId > this.#lastStreamId && !ignored))
      throw new ConnectionError(errorCode.protocolError, `${what} on stream ${streamId}, which is idle`);
    return undefined;
  }

  #sendReset(streamId: number, code: ErrorCode): void {
    this.sender.add(resetFrame(streamId, code));
    this.#reset.add(streamId);
    if (this.#reset.size > 2 * maxStreams) this.#reset.delete(this.#reset.values().next().value!);
  }

  #endIfDone(): void {
    if (this.#goneAway !== this.#lastStreamId || this.#streams.size > 0) return;
    this.#end();
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    const code = error instanceof ConnectionError ? error.code : errorCode.internalError;
    this.sender.add(goawayFrame(this.#lastStreamId, code, error instanceof ConnectionError ? error.message : ''));
    this.#end();
    this.#over();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.sender.flush();
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), lingerMs).unref();
  }

  #over(): void {
    this.#ended = true;
    for (const stream of [...this.#streams.values()]) stream.gone();
  }
}

/** Of a request whose fields are too many to be read. */
const unreadHead: RequestHead = { method: '', target: '', headers: {}, contentLength: undefined };

const goodbye = Buffer.from('goodbye!');

function widenAll(stream: ServerStream, bytes: number): void {
  try {
    stream.widen(bytes);
  } catch {
    // By a setting, not by its own update: the whole connection's error (section 6.9.2).
    throw new ConnectionError(errorCode.flowControlError, 'INITIAL_WINDOW_SIZE makes a window too large');
  }
}

function headerListBytes(fields: readonly HeaderField[]): number {
  let bytes = 0;
  for (const { size } of fields) bytes += size;
  return bytes;
}

function requireSize(right: boolean, what: string, { length }: Buffer): void {
  if (!right) throw new ConnectionError(errorCode.frameSizeError, `${what} of ${length} bytes`);
}

function requireStream(right: boolean, what: string): void {
  if (!right) throw new ConnectionError(errorCode.protocolError, `${what} on the wrong kind of stream`);
}
