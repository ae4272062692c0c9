import { open } from 'node:fs/promises';
import { type PassThrough, pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

/** The plain bytes of a stream that is gzip, zstd or plain, told by its magic number and not by its declared type. */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < 4) {
    const { value, done } = await iterator.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  const rest = (async function* () {
    if (head.length > 0) yield head;
    for (;;) {
      const { value, done } = await iterator.next();
      if (done) return;
      yield Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
  })();
  const filter = decoderFor(head);
  if (!filter) return yield* rest;
  // An error of the source reaches the reader through the filter, which pipeline destroys with it.
  pipeline(Readable.from(rest), filter, () => {});
  yield* filter as AsyncIterable<Buffer>;
}

/** The bytes of a file from `start`, without a stream's overhead. */
export async function* fileChunks(file: string, start = 0, length = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
  const handle = await open(file);
  try {
    let at = start;
    const end = start + length;
    while (at < end) {
      const buffer = Buffer.allocUnsafe(Math.min(1 << 18, end - at));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

function decoderFor(head: Buffer): PassThrough | ReturnType<typeof createGunzip> | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return createGunzip({ chunkSize: 1 << 18 });
  if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528)
    return createZstdDecompress({ chunkSize: 1 << 18 }) as never;
  return undefined;
}
