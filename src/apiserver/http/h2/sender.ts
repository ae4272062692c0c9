import type { Duplex } from 'node:stream';
import { headersFrames, putFrameHead } from './frames.ts';
import {
  ConnectionError,
  defaultWindow,
  errorCode,
  flag,
  frameHeadSize,
  frameType,
  largestWindow,
  maxFrameSize,
} from './protocol.ts';
import { framedWithin, type SendQueue } from './send-queue.ts';
import { giveBack, slabBytes, takeSlab } from './slabs.ts';

/** What the sender has to know of a stream. */
export interface Sending {
  readonly id: number;
  /** How much the peer takes for this stream. */
  window: number;
  readonly queue: SendQueue;
  /** Nothing comes after what is in the queue. */
  readonly ending: boolean;
  /** Its last frame is on its way. */
  ended(): void;
  /** Some of the queue has gone. */
  progressed(): void;
}

/**
 * So much is given to the socket at most: what it writes and what is next, as it copies what it cannot write at once. The
 * rest waits in the streams' queues, where it is shared or may be dropped.
 */
const mostInSocket = 2 * slabBytes;
/** More is not copied to be one write, but handed over in pieces. */
const joinedBytes = 4096;
/** As much as fills a slab: also what a stream sends before it is another's turn. */
const bulkBytes = framedWithin(slabBytes);

/** All that one connection sends: frames of one turn of the event loop leave in one write. */
export class Sender {
  readonly #socket: Duplex;
  #outbox: Uint8Array[] = [];
  #outboxBytes = 0;
  #planned = false;
  /** How much the peer takes for all streams together. */
  #window = defaultWindow;
  /** Streams that are held up by the connection, not by windows of their own, in the order of their turns. */
  readonly #waiting = new Set<Sending>();

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on('drain', () => this.#resume());
  }

  /** Given to us, and not yet taken by the kernel. */
  get backlog(): number {
    return this.#outboxBytes + this.#socket.writableLength;
  }

  add(bytes: Uint8Array): void {
    this.#outbox.push(bytes);
    this.#outboxBytes += bytes.length;
    if (this.#planned) return;
    this.#planned = true;
    // After the promises of this turn: what they answer goes along.
    process.nextTick(flush, this);
  }

  /** A whole answer, in one piece if the windows let it. Returns false if they don't: then nothing is sent. */
  addWhole(stream: Sending, block: Uint8Array, body: Uint8Array): boolean {
    const size = body.length;
    if (size > maxFrameSize || size > stream.window || size > this.#window || this.#room < size) return false;
    const frames = headersFrames(stream.id, block, false, frameHeadSize + size);
    const at = frames.length - size;
    putFrameHead(frames, at - frameHeadSize, size, frameType.data, flag.endStream, stream.id);
    frames.set(body, at);
    this.#window -= size;
    stream.window -= size;
    this.add(frames);
    return true;
  }

  /** Sends what the windows let of a stream's queue, `most` bytes or a little more; the rest goes when they open. */
  pump(stream: Sending, most = Number.POSITIVE_INFINITY): void {
    const { queue } = stream;
    for (let total = 0; total < most; ) {
      const length = Math.max(0, Math.min(queue.bytes, stream.window, this.#window, this.#room, bulkBytes));
      const last = length === queue.bytes && stream.ending;
      if (length === 0 && !last) break;
      // No scraps: what is left of the room waits until there is room for a turn.
      if (total > 0 && length < Math.min(bulkBytes, queue.bytes)) break;
      total += length;
      this.#window -= length;
      stream.window -= length;
      this.#addData(stream, length, last);
      stream.progressed();
      if (last) {
        stream.ended();
        return;
      }
    }
    if (queue.bytes > 0 && stream.window > 0) this.#waiting.add(stream);
  }

  #addData({ queue, id }: Sending, length: number, last: boolean): void {
    if (length === bulkBytes) {
      this.flush();
      const slab = takeSlab();
      this.#write(queue.frames(id, length, last, slab), () => giveBack(slab));
    } else if (length > joinedBytes && queue.coarse)
      for (const piece of queue.pieces(id, length, last)) this.add(piece);
    else this.add(queue.frames(id, length, last));
  }

  /** The peer takes so much more for the connection. */
  widen(bytes: number): void {
    this.#window += bytes;
    if (this.#window > largestWindow)
      throw new ConnectionError(errorCode.flowControlError, "the connection's window is too large");
    this.#resume();
  }

  forget(stream: Sending): void {
    this.#waiting.delete(stream);
  }

  flush(): void {
    this.#planned = false;
    const outbox = this.#outbox;
    const bytes = this.#outboxBytes;
    if (bytes === 0) return;
    this.#outbox = [];
    this.#outboxBytes = 0;
    if (outbox.length === 1) this.#write(outbox[0]!);
    else if (bytes <= joinedBytes) this.#write(Buffer.concat(outbox, bytes));
    else {
      this.#socket.cork();
      for (const piece of outbox) this.#write(piece);
      this.#socket.uncork();
    }
  }

  #write(bytes: Uint8Array, done?: () => void): void {
    if (this.#socket.writable) this.#socket.write(bytes, done);
  }

  /** What was added in this turn of the event loop. */
  flushTurn(): void {
    this.flush();
    // If not, the socket says when.
    if (!this.#socket.writableNeedDrain) this.#resume();
  }

  get #room(): number {
    return mostInSocket - this.backlog;
  }

  #resume(): void {
    for (const stream of this.#waiting) {
      // A turn that gives next to nothing would always be the same stream's.
      if (this.#window <= 0 || this.#room < bulkBytes) return;
      // To the end of the row, if it still has to wait.
      this.#waiting.delete(stream);
      this.pump(stream, this.#waiting.size > 0 ? bulkBytes : undefined);
    }
  }
}

function flush(sender: Sender): void {
  sender.flushTurn();
}
