import { lengthDelimited, Reader, Writer } from './wire.ts';

/**
 * A watch event as it is streamed (apimachinery protobuf LengthDelimitedFramer): four bytes of length, big endian, then
 * metav1.WatchEvent {type = 1, object = 2 {raw = 1}}, whose raw is an object as `encodeProtobuf` makes it.
 */
export function encodeWatchFrame(type: string, envelope: Uint8Array): Uint8Array {
  const writer = new Writer(envelope.length + 64);
  writer.bytes(envelope);
  writer.closeNested(1, 0);
  writer.closeNested(2, 0);
  const before = writer.length;
  writer.string(type);
  writer.closeNested(1, before);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(writer.length);
  writer.bytes(size);
  return writer.finish();
}

/** The reverse, of one whole frame. */
export function decodeWatchFrame(frame: Uint8Array): { type: string; envelope: Uint8Array } {
  const reader = new Reader(frame.subarray(4));
  let type = '';
  let envelope: Uint8Array = new Uint8Array();
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) type = reader.string();
    else if (number === 2 && wireType === lengthDelimited) envelope = rawOf(reader.bytes());
    else reader.skip(wireType);
  }
  return { type, envelope };
}

function rawOf(extension: Uint8Array): Uint8Array {
  const reader = new Reader(extension);
  let raw: Uint8Array = new Uint8Array();
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) raw = reader.bytes();
    else reader.skip(wireType);
  }
  return raw;
}
