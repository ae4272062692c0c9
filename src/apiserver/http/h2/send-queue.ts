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
    let left = length;
    for (let at = 0; at < frames.length; ) {
      const size = Math.min(left, maxFrameSize);
      left -= size;
      at = putFrameHead(frames, at, size, frameType.data, end && left === 0 ? flag.endStream : 0, streamId);
      at = this.#take(size, frames, at);
    }
    this.#bytes -= length;
    if (this.#first === this.#chunks.length) this.clear();
    return frames;
  }

  #take(length: number, to: Buffer, start: number): number {
    const end = start + length;
    for (let at = start; at < end; ) {
      const chunk = this.#chunks[this.#first]!;
      const size = Math.min(end - at, chunk.length - this.#offset);
      to.set(size === chunk.length ? chunk : chunk.subarray(this.#offset, this.#offset + size), at);
      at += size;
      this.#offset += size;
      if (this.#offset < chunk.length) break;
      this.#offset = 0;
      // Not kept until all is sent: what is sent may go.
      this.#chunks[this.#first++] = sent;
    }
    return end;
  }
}

const sent = new Uint8Array();

function framedSize(length: number): number {
  return length + Math.max(1, Math.ceil(length / maxFrameSize)) * frameHeadSize;
}

/** As much as can be framed in so much memory. */
export function framedWithin(memory: number): number {
  return Math.floor(memory / (maxFrameSize + frameHeadSize)) * maxFrameSize;
}
