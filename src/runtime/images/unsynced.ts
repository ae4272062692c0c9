import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { syncFileSystem } from '../../linux/files.ts';

export interface Mark {
  kind: 'blob' | 'layer';
  hex: string;
}

/**
 * What a loss of power may still spoil. To wait for the disk with every blob and layer would make a pull as slow as
 * everybody's writes together; so content is marked before it gets its name (<dir>/unsynced/<boot>-<kind>-<hex>-<n>), and
 * the mark goes once the file system was synced. Journals keep that order: after another boot, what is marked cannot be
 * trusted.
 */
export class Unsynced {
  readonly #dir: string;
  readonly #boot: string;
  /** The sync under way, and the one that begins after it, which all callers of meanwhile share. */
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(dir: string, bootId: string) {
    this.#dir = path.join(dir, 'unsynced');
    this.#boot = bootId.slice(0, 8);
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
  }

  mark(kind: Mark['kind'], digest: string): void {
    const name = [this.#boot, kind, digest.replace(/^sha256:/, ''), randomUUID().slice(0, 8)].join('-');
    writeFileSync(path.join(this.#dir, name), '');
  }

  /** Resolves when all that was marked before the call is on the disk. */
  settle(): Promise<void> {
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        this.#running = this.#sync();
        return this.#running;
      });
    return this.#next;
  }

  /** What was marked in another boot of the machine, with a call that forgets it. */
  untrusted(): { marks: Mark[]; forget(): void } {
    const names = readdirSync(this.#dir).filter((name) => !name.startsWith(this.#boot));
    const marks = names.flatMap((name): Mark[] => {
      const [, kind, hex] = /^[^-]*-(blob|layer)-([0-9a-f]{64})-/.exec(name) ?? [];
      return kind && hex ? [{ kind: kind as Mark['kind'], hex }] : [];
    });
    return { marks, forget: () => this.#remove(names) };
  }

  async #sync(): Promise<void> {
    const names = readdirSync(this.#dir).filter((name) => name.startsWith(this.#boot));
    if (names.length === 0) return;
    await syncFileSystem(this.#dir);
    this.#remove(names);
  }

  #remove(names: string[]): void {
    for (const name of names) rmSync(path.join(this.#dir, name), { force: true });
  }
}
