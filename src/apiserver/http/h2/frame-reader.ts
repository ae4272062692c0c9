import { ConnectionError, errorCode, frameHeadSize, maxFrameSize, preface } from './protocol.ts';

export type OnFrame = (type: number, flags: number, streamId: number, payload: Buffer) => void;

const nothing = Buffer.alloc(0);

/** Cuts what comes into frames, after the client's preface (RFC 9113 sections 3.4 and 4.1). */
export class FrameReader {
  readonly #onFrame: OnFrame;
  /** What has come of a frame that is not complete: less than one frame. */
  #rest: Buffer = nothing;
  #prefaced = false;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Payloads are views of `chunk`: who keeps them keeps it. */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    if (!this.#prefaced) {
      const length = Math.min(bytes.length, preface.length);
      if (bytes.compare(preface, 0, length, 0, length) !== 0)
        throw new ConnectionError(errorCode.protocolError, 'this is not the preface of HTTP/2');
      if (length < preface.length) {
        this.#rest = bytes;
        return;
      }
      this.#prefaced = true;
      at = preface.length;
    }
    while (bytes.length - at >= frameHeadSize) {
      const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
      if (length > maxFrameSize)
        throw new ConnectionError(errorCode.frameSizeError, `a frame of ${length} bytes: at most ${maxFrameSize}`);
      const end = at + frameHeadSize + length;
      if (bytes.length < end) break;
      const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      this.#onFrame(bytes[at + 3]!, bytes[at + 4]!, streamId, bytes.subarray(at + frameHeadSize, end));
      at = end;
    }
    this.#rest = at === bytes.length ? nothing : bytes.subarray(at);
  }
}
