import { HpackDecoder } from './hpack/decoder.ts';
import type { HeaderField } from './hpack/header-field.ts';
import { ConnectionError, errorCode, flag, frameType } from './protocol.ts';

/** Of one block, compressed; a list of fields that is longer than we take may be shorter than this, but never much longer. */
const maxBlockBytes = 64 << 10;
/** Honest CONTINUATIONs are full, so that few suffice (CVE-2024-27316). */
const maxContinuations = 16;

/** Puts the frames of header blocks together and decodes them (RFC 9113 sections 4.3, 6.2 and 6.10). */
export class HeaderBlocks {
  readonly #onBlock: (streamId: number, fields: HeaderField[], endStream: boolean) => void;
  readonly #decoder = new HpackDecoder();
  /** Of a block that has not ended. */
  #pieces: Buffer[] = [];
  #bytes = 0;
  #endStream = false;
  /** Whose block has not ended; 0 if there is none. */
  streamId = 0;

  constructor(onBlock: (streamId: number, fields: HeaderField[], endStream: boolean) => void) {
    this.#onBlock = onBlock;
  }

  get midway(): boolean {
    return this.streamId !== 0;
  }

  /** A HEADERS frame, or a CONTINUATION of the block that has not ended. */
  add(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (streamId === 0 || (type === frameType.continuation && !this.midway))
      throw new ConnectionError(errorCode.protocolError, 'a header block without its stream or its beginning');
    let piece = payload;
    if (type === frameType.headers) {
      piece = withoutPriority(flags, unpadded(flags, payload));
      this.#endStream = (flags & flag.endStream) !== 0;
    }
    if (flags & flag.endHeaders) {
      const block = this.midway ? Buffer.concat([...this.#pieces, piece]) : piece;
      this.#pieces = [];
      this.#bytes = 0;
      this.streamId = 0;
      this.#onBlock(streamId, this.#decoder.decode(block), this.#endStream);
      return;
    }
    this.streamId = streamId;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes > maxBlockBytes || this.#pieces.length > maxContinuations)
      throw new ConnectionError(errorCode.enhanceYourCalm, 'a header block that is too long');
  }
}

/** The payload of HEADERS or DATA without its padding (section 6.1). */
export function unpadded(flags: number, payload: Buffer): Buffer {
  if (!(flags & flag.padded)) return payload;
  const length = payload[0];
  if (length === undefined) throw new ConnectionError(errorCode.frameSizeError, 'padding without a length');
  if (length >= payload.length) throw new ConnectionError(errorCode.protocolError, 'more padding than frame');
  return payload.subarray(1, payload.length - length);
}

/** Priorities are out of use (section 5.3). */
function withoutPriority(flags: number, payload: Buffer): Buffer {
  if (!(flags & flag.priority)) return payload;
  if (payload.length < 5) throw new ConnectionError(errorCode.frameSizeError, 'HEADERS without their priority');
  return payload.subarray(5);
}
