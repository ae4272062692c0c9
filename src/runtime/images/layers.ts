import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statfsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { unpackLayer } from './unpack.ts';
import type { Unsynced } from './unsynced.ts';

/** Unpacked layers, <dir>/layers/<diff id>/: lower directories of overlays, never written after their rename into place. */
export class Layers {
  readonly #dir: string;
  readonly #unsynced: Unsynced;
  /** Unpacking that is under way, by diff id, so that two images that share a layer unpack it once. */
  readonly #pending = new Map<string, Promise<string>>();

  constructor(dir: string, unsynced: Unsynced) {
    this.#dir = path.join(dir, 'layers');
    this.#unsynced = unsynced;
    mkdirSync(this.#dir, { recursive: true, mode: 0o711 });
  }

  path(diffId: string): string {
    return path.join(this.#dir, diffId.replace(/^sha256:/, ''));
  }

  has(diffId: string): boolean {
    return existsSync(this.path(diffId));
  }

  /** Unpacks a layer that is not there yet, and refuses content whose diff id is another one. */
  ensure(diffId: string, source: () => AsyncIterable<Uint8Array>): Promise<string> {
    if (this.has(diffId)) return Promise.resolve(this.path(diffId));
    const pending =
      this.#pending.get(diffId) ?? this.#unpack(diffId, source).finally(() => this.#pending.delete(diffId));
    this.#pending.set(diffId, pending);
    return pending;
  }

  /** Diff ids of all layers that are there. */
  list(): string[] {
    return readdirSync(this.#dir)
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .map((name) => `sha256:${name}`);
  }

  async remove(diffId: string): Promise<void> {
    const doomed = path.join(this.#dir, `.gone-${randomUUID()}`);
    await rename(this.path(diffId), doomed);
    await rm(doomed, { recursive: true, force: true });
  }

  /** Removes what a process that died left half-done. Only while nobody unpacks. */
  async removeLeftovers(): Promise<void> {
    for (const name of readdirSync(this.#dir)) {
      if (name.startsWith('.')) await rm(path.join(this.#dir, name), { recursive: true, force: true });
    }
  }

  async #unpack(diffId: string, source: () => AsyncIterable<Uint8Array>): Promise<string> {
    const temporary = path.join(this.#dir, `.tmp-${randomUUID()}`);
    const target = this.path(diffId);
    try {
      await mkdir(temporary, { mode: 0o755 });
      const unpacked = await unpackLayer(source(), temporary, this.#room());
      if (unpacked.diffId !== diffId) throw new Error(`layer has diff id ${unpacked.diffId}, expected ${diffId}`);
      this.#unsynced.mark('layer', diffId);
      await rename(temporary, target).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error; // another process was faster
      });
      return target;
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** However small an archive is, it must not fill the disk for everybody else. */
  #room(): { maxBytes: number; maxEntries: number } {
    const { bavail, bsize, files, ffree } = statfsSync(this.#dir);
    const spare = Math.min(reserveBytes, Math.floor((bavail * bsize) / 10));
    return {
      maxBytes: Math.min(largestLayerBytes, bavail * bsize - spare),
      // File systems without a fixed number of inodes count none.
      maxEntries: Math.min(mostMembers, files === 0 ? mostMembers : ffree),
    };
  }
}

const largestLayerBytes = 32 * 2 ** 30;
const mostMembers = 4_000_000;
/** What an unpacked layer leaves free. */
const reserveBytes = 64 << 20;
