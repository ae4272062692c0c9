import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { tryLock } from '../../linux/files.ts';

/**
 * Locks between the processes that share an image store (one node process a cluster, and the command line).
 * 'index' guards read-modify-write of index.json; 'content' is held shared by those who add blobs and layers that no
 * index entry names yet, exclusively by the garbage collection.
 */
export class StoreLock {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Runs `fn` under the lock, waiting for it. */
  async with<T>(name: 'index' | 'content', mode: 'shared' | 'exclusive', fn: () => Promise<T>): Promise<T> {
    const handle = await this.#open(name);
    try {
      while (!tryLock(handle.fd, mode)) await new Promise((resolve) => setTimeout(resolve, 10));
      return await fn();
    } finally {
      await handle.close();
    }
  }

  /** Runs `fn` if nobody else holds the lock; tells whether it did. */
  async tryWith(name: 'index' | 'content', fn: () => Promise<void>): Promise<boolean> {
    const handle = await this.#open(name);
    try {
      if (!tryLock(handle.fd, 'exclusive')) return false;
      await fn();
      return true;
    } finally {
      await handle.close();
    }
  }

  #open(name: string): Promise<FileHandle> {
    return open(path.join(this.#dir, `.${name}.lock`), 'a', 0o600);
  }
}
