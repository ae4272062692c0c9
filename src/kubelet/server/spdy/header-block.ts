import zlib from 'node:zlib';
import { spdyDictionary } from './dictionary.ts';

/** Larger header blocks are refused: a few bytes of zlib can stand for gigabytes. */
const maxHeaderBytes = 64 * 1024;

/** Reads header blocks; one zlib stream goes through all blocks of a connection, so they must be read in order. */
export class HeaderReader {
  readonly #inflate = zlib.createInflate({ dictionary: spdyDictionary });

  async read(block: Buffer): Promise<Map<string, string>> {
    const bytes = await throughZlib(this.#inflate, (done) => this.#inflate.write(block, done));
    return parseHeaders(bytes);
  }

  close(): void {
    this.#inflate.close();
  }
}

/** Writes header blocks, likewise in order. */
export class HeaderWriter {
  readonly #deflate = zlib.createDeflate({ dictionary: spdyDictionary });

  async write(headers: [string, string][]): Promise<Buffer> {
    return throughZlib(this.#deflate, (done) => {
      this.#deflate.write(formatHeaders(headers));
      this.#deflate.flush(zlib.constants.Z_SYNC_FLUSH, done);
    });
  }

  close(): void {
    this.#deflate.close();
  }
}

function throughZlib(stream: zlib.Inflate | zlib.Deflate, feed: (done: (error?: unknown) => void) => void) {
  return new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const collect = (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > maxHeaderBytes) end(new Error(`header block is larger than ${maxHeaderBytes} bytes`));
    };
    const end = (error?: unknown) => {
      stream.off('data', collect);
      stream.off('error', end);
      if (error) reject(error);
      else resolve(Buffer.concat(chunks));
    };
    stream.on('data', collect);
    stream.on('error', end);
    // Output may still be under way when the input has been taken.
    feed((error) => (error ? end(error) : setImmediate(end)));
  });
}

function parseHeaders(bytes: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 0;
  const number = () => {
    if (at + 4 > bytes.length) throw new Error('header block ends within a number');
    at += 4;
    return bytes.readUInt32BE(at - 4);
  };
  const text = () => {
    const length = number();
    if (at + length > bytes.length) throw new Error(`header block ends within a text of ${length} bytes`);
    at += length;
    return bytes.toString('utf8', at - length, at);
  };
  for (let left = number(); left > 0; left--) {
    const name = text().toLowerCase();
    headers.set(name, text().split('\0')[0] ?? '');
  }
  return headers;
}

function formatHeaders(headers: [string, string][]): Buffer {
  const number = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const text = (value: string) => [number(Buffer.byteLength(value)), Buffer.from(value)];
  return Buffer.concat([
    number(headers.length),
    ...headers.flatMap(([name, value]) => [...text(name), ...text(value)]),
  ]);
}
