import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { decompress, fileChunks } from './decompress.ts';

/** One line of a tar-split file (vbatts/tar-split, tar/storage/entry.go). */
interface Entry {
  type: 1 | 2;
  name?: string;
  /** Base64, for names that are no UTF-8. */
  name_raw?: string;
  size?: number;
  payload?: string;
}

/**
 * The archive that an unpacked layer came from, byte for byte: docker and containers-storage keep what lies between the
 * files' contents (headers, padding) in a tar-split file, and the contents in the layer's directory.
 */
export async function* assembleTar(tarSplit: string, directory: string): AsyncGenerator<Buffer> {
  for await (const line of createInterface({ input: Readable.from(decompress(fileChunks(tarSplit))) })) {
    if (line === '') continue;
    const { type, name, name_raw: raw, size = 0, payload = '' } = JSON.parse(line) as Entry;
    if (type === 2) yield Buffer.from(payload, 'base64');
    else if (size > 0) {
      const file = path.join(directory, path.join('/', raw ? Buffer.from(raw, 'base64').toString() : (name ?? '')));
      if (!lstatSync(file).isFile()) throw new Error(`${file} is no file`);
      yield* fileChunks(file, 0, size);
    }
  }
}

/** Names of stacks of layers (OCI image-spec config.md, 'Layer ChainID'), lowest first. */
export function chainIds(diffIds: string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below ? `sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}` : diffId);
  }
  return chain;
}
