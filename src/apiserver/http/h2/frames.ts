import { type ErrorCode, errorCode, flag, frameHeadSize, frameType, maxFrameSize } from './protocol.ts';

/** Frames to send (RFC 9113 sections 4.1 and 6). */

export function putFrameHead(
  to: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  to[at] = length >>> 16;
  to[at + 1] = length >>> 8;
  to[at + 2] = length;
  to[at + 3] = type;
  to[at + 4] = flags;
  to[at + 5] = streamId >>> 24;
  to[at + 6] = streamId >>> 16;
  to[at + 7] = streamId >>> 8;
  to[at + 8] = streamId;
  return at + frameHeadSize;
}

function frame(type: number, flags: number, streamId: number, payloadSize: number): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeadSize + payloadSize);
  putFrameHead(bytes, 0, payloadSize, type, flags, streamId);
  return bytes;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const bytes = frame(frameType.settings, 0, 0, settings.length * 6);
  let at = frameHeadSize;
  for (const [id, value] of settings) {
    at = bytes.writeUInt16BE(id, at);
    at = bytes.writeUInt32BE(value, at);
  }
  return bytes;
}

export function settingsAckFrame(): Buffer {
  return frame(frameType.settings, flag.ack, 0, 0);
}

/** `data`: the eight bytes that a ping carries. */
export function pingFrame(data: Uint8Array, flags = 0): Buffer {
  const bytes = frame(frameType.ping, flags, 0, 8);
  bytes.set(data, frameHeadSize);
  return bytes;
}

export function resetFrame(streamId: number, code: ErrorCode): Buffer {
  const bytes = frame(frameType.rstStream, 0, streamId, 4);
  bytes.writeUInt32BE(code, frameHeadSize);
  return bytes;
}

/** `reason` is for people who look at the connection. */
export function goawayFrame(lastStreamId: number, code: ErrorCode = errorCode.noError, reason = ''): Buffer {
  const text = Buffer.from(reason);
  const bytes = frame(frameType.goaway, 0, 0, 8 + text.length);
  bytes.writeUInt32BE(lastStreamId, frameHeadSize);
  bytes.writeUInt32BE(code, frameHeadSize + 4);
  bytes.set(text, frameHeadSize + 8);
  return bytes;
}

export function windowUpdateFrame(streamId: number, bytesMore: number): Buffer {
  const bytes = frame(frameType.windowUpdate, 0, streamId, 4);
  bytes.writeUInt32BE(bytesMore, frameHeadSize);
  return bytes;
}

/** A header block as HEADERS and as many CONTINUATIONs as it takes, with `room` for what follows. */
export function headersFrames(streamId: number, block: Uint8Array, endStream: boolean, room = 0): Buffer {
  const pieces = Math.max(1, Math.ceil(block.length / maxFrameSize));
  const bytes = Buffer.allocUnsafe(pieces * frameHeadSize + block.length + room);
  let at = 0;
  for (let n = 0; n < pieces; n++) {
    const start = n * maxFrameSize;
    const length = Math.min(maxFrameSize, block.length - start);
    const type = n === 0 ? frameType.headers : frameType.continuation;
    const flags = (n === 0 && endStream ? flag.endStream : 0) | (n === pieces - 1 ? flag.endHeaders : 0);
    at = putFrameHead(bytes, at, length, type, flags, streamId);
    bytes.set(pieces === 1 ? block : block.subarray(start, start + length), at);
    at += length;
  }
  return bytes;
}
