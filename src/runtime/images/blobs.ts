import { createHash, randomUUID } from 'node:crypto';
import { constants, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { copyFile, open, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Unsynced } from './unsynced.ts';

/** An OCI content descriptor (image-spec descriptor.md). */
export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: { os: string; architecture: string; variant?: string };
  urls?: string[];
}

/** Content by digest, in the OCI image layout: <dir>/blobs/sha256/<hex>. What has its name is whole. */
export class Blobs {
  readonly #dir: string;
  readonly #unsynced: Unsynced;
  /** Small JSON blobs by digest; content never changes, so entries never go stale. */
  readonly #json = new Map<string, unknown>();

  constructor(dir: string, unsynced: Unsynced) {
    this.#dir = path.join(dir, 'blobs/sha256');
    this.#unsynced = unsynced;
    mkdirSync(this.#dir, { recursive: true });
  }

  path(digest: string): string {
    const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
    if (!hex) throw new Error(`digest '${digest}' is not a sha256 digest`);
    return path.join(this.#dir, hex);
  }

  has(digest: string): boolean {
    return existsSync(this.path(digest));
  }

  size(digest: string): number {
    return statSync(this.path(digest), { throwIfNoEntry: false })?.size ?? 0;
  }

  /** A file beside the blobs for a download, which `adopt` turns into a blob. */
  temporary(): string {
    return path.join(this.#dir, `.tmp-${randomUUID()}`);
  }

  json<T>(digest: string): T {
    let value = this.#json.get(digest);
    if (value === undefined) {
      value = JSON.parse(readFileSync(this.path(digest), 'utf8'));
      this.#json.set(digest, value);
    }
    return value as T;
  }

  /** Stores bytes; returns their descriptor. */
  async put(data: Uint8Array, mediaType: string): Promise<Descriptor> {
    const digest = `sha256:${createHash('sha256').update(data).digest('hex')}`;
    if (!this.has(digest)) {
      const file = this.temporary();
      try {
        await writeFile(file, data, { flag: 'wx', mode: 0o644 });
        this.#unsynced.mark('blob', digest);
        await rename(file, this.path(digest));
      } finally {
        await rm(file, { force: true });
      }
    }
    return { mediaType, digest, size: data.length };
  }

  /** Stores a stream, whose digest must be `digest` if that is given. Returns the digest and the size. */
  async putStream(source: AsyncIterable<Uint8Array>, digest?: string): Promise<{ digest: string; size: number }> {
    const file = this.temporary();
    const hash = createHash('sha256');
    let size = 0;
    try {
      const handle = await open(file, 'wx', 0o644);
      try {
        for await (const chunk of source) {
          hash.update(chunk);
          size += chunk.length;
          await handle.writeFile(chunk);
        }
      } finally {
        await handle.close();
      }
      const found = `sha256:${hash.digest('hex')}`;
      if (digest !== undefined && found !== digest) throw new Error(`content has digest ${found}, expected ${digest}`);
      this.#unsynced.mark('blob', found);
      await rename(file, this.path(found));
      return { digest: found, size };
    } finally {
      await rm(file, { force: true });
    }
  }

  /** Copies a file out, sharing its extents where the file system can. */
  async copyTo(digest: string, target: string): Promise<void> {
    await copyFile(this.path(digest), target, constants.COPYFILE_FICLONE);
  }

  /** Removes what a process that died left half-done. Only while nobody adds. */
  async removeLeftovers(): Promise<void> {
    for (const name of readdirSync(this.#dir)) {
      if (name.startsWith('.')) await rm(path.join(this.#dir, name), { recursive: true, force: true });
    }
  }

  async remove(digest: string): Promise<void> {
    this.#json.delete(digest);
    await rm(this.path(digest), { force: true });
  }
}
