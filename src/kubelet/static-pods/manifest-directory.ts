import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { errorChain, type Logger } from '../../base/log.ts';

/** Looked at this often, should the file system not tell of a change (kubelet fileCheckFrequency). */
const checkMs = 20_000;
/** Editors write in several steps. */
const settleMs = 50;

export interface ManifestDirectoryOptions {
  directory: string;
  nodeName: string;
  clock: Clock;
  log: Logger;
  /** Told of all static Pods whenever the manifests have changed. */
  changed(pods: Pod[]): void;
}

/** The directory of manifests of static Pods; it need not be there (kubelet config/file_linux.go). */
export class ManifestDirectory {
  readonly #options: ManifestDirectoryOptions;
  /** What was last told, so that nothing is told twice. */
  #told = '';
  #watcher: FSWatcher | undefined;
  #cancel = () => {};
  #closed = false;

  constructor(options: ManifestDirectoryOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#look();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#watcher?.close();
  }

  async #look(): Promise<void> {
    const { clock, changed } = this.#options;
    const pods = await this.#read();
    if (this.#closed) return;
    const told = JSON.stringify(pods.map(({ metadata }) => metadata.uid));
    if (told !== this.#told && !(this.#told === '' && pods.length === 0)) {
      this.#told = told;
      changed(pods);
    }
    this.#watch();
    this.#cancel();
    this.#cancel = clock.after(checkMs, () => void this.#look());
  }

  #watch(): void {
    if (this.#watcher) return;
    try {
      this.#watcher = watch(this.#options.directory, { persistent: false }, () => {
        this.#cancel();
        this.#cancel = this.#options.clock.after(settleMs, () => void this.#look());
      });
      this.#watcher.on('error', () => {
        this.#watcher?.close();
        this.#watcher = undefined;
      });
    } catch {
      // Not there: the next look may find it.
    }
  }

  /** One bad manifest does not keep the others from running. */
  async #read(): Promise<Pod[]> {
    const { directory, nodeName, clock, log } = this.#options;
    const names = await readdir(directory).catch(() => []);
    const pods: Pod[] = [];
    for (const name of names.filter((one) => !one.startsWith('.')).sort()) {
      const file = path.join(directory, name);
      try {
        // Loaded with the first manifest only: most nodes have none.
        const { parseManifest } = await import('./parse-manifest.ts');
        const now = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
        pods.push(parseManifest(await readFile(file, 'utf8'), file, nodeName, now));
      } catch (error) {
        log.warn('cannot read the manifest of a static pod', { file, why: errorChain(error) });
      }
    }
    return pods;
  }
}
