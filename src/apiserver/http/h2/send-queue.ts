import { putFrameHead } from './frames.ts';
import { flag, frameHeadSize, frameType, maxFrameSize } from './protocol.ts';

/** Bytes of a response that wait for windows to open. They are copied when they are sent, and not before. */
export class SendQueue {
  /** Those before #first are sent, and of that one the first #offset bytes. */
  #chunks: Uint8Array[] = [];
  #first = 0;
  #offset = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  clear(): void {
    this.#chunks = [];
    this.#first = 0;
    this.#offset = 0;
    this.#bytes = 0;
  }

  /** The next `length` bytes as DATA frames, the last of which ends the stream if `end` says so; in `memory`, if there is any. */
  frames(streamId: number, length: number, end: boolean, memory?: Buffer): Buffer {
    const size = framedSize(length);
    const frames = memory ? memory.subarray(0, size) : Buffer.allocUnsafe(size);
    let at = 0;
    for (let left = length; at < size; ) {
      const payload = Math.min(left, maxFrameSize);
      left -= payload;
      at = putFrameHead(frames, at, payload, frameType.data, end && left === 0 ? flag.endStream : 0, streamId);
      for (const frameEnd = at + payload; at < frameEnd; ) {
        const part = this.#next(frameEnd - at);
        frames.set(part, at);
        at += part.length;
      }
    }
    return frames;
  }

  /** The same in pieces, without copying what is in the queue. */
  pieces(streamId: number, length: number, end: boolean): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    for (let left = length; left > 0; ) {
      const payload = Math.min(left, maxFrameSize);
      left -= payload;
      const head = Buffer.allocUnsafe(frameHeadSize);
      putFrameHead(head, 0, payload, frameType.data, end && left === 0 ? flag.endStream : 0, streamId);
      pieces.push(head);
      for (let wanted = payload; wanted > 0; ) {
        const part = this.#next(wanted);
        pieces.push(part);
        wanted -= part.length;
      }
    }
    return pieces;
  }

  /** Whether its chunks are long enough to be worth a write of their own. */
  get coarse(): boolean {
    return this.#bytes >= (this.#chunks.length - this.#first) * coarseBytes;
  }

  /** The next `most` bytes or fewer. */
  #next(most: number): Uint8Array {
    const chunk = this.#chunks[this.#first]!;
    const size = Math.min(most, chunk.length - this.#offset);
    const part = size === chunk.length ? chunk : chunk.subarray(this.#offset, this.#offset + size);
    this.#offset += size;
    this.#bytes -= size;
    if (this.#offset === chunk.length) {
      this.#offset = 0;
      // Not kept until all is sent: what is sent may go.
      this.#chunks[this.#first++] = sent;
    }
    if (this.#bytes === 0) this.clear();
    return part;
  }
}

const coarseBytes = 4096;

const sent = new Uint8Array();

function framedSize(length: number): number {
  return length + Math.max(1, Math.ceil(length / maxFrameSize)) * frameHeadSize;
}

/** As much as can be framed in so much memory. */
export function framedWithin(memory: number): number {
  return Math.floor(memory / (maxFrameSize + frameHeadSize)) * maxFrameSize;
}
