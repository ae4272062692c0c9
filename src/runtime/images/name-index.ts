import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import path from 'node:path';
import type { Descriptor } from './blobs.ts';
import type { Index } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import type { StoreLock } from './store-lock.ts';

const nameKey = 'io.containerd.image.name';
const tagKey = 'org.opencontainers.image.ref.name';

/** Which manifest a full image name stands for: <dir>/index.json of the OCI layout, one descriptor a name. */
export class NameIndex {
  readonly #file: string;
  readonly #lock: StoreLock;
  /** Names and descriptors as read from the file when it had this stamp. */
  #cache: { stamp: string; names: Map<string, Descriptor> } | undefined;

  constructor(dir: string, lock: StoreLock) {
    this.#file = path.join(dir, 'index.json');
    this.#lock = lock;
    writeFileSync(path.join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  }

  /** The current names; re-read only when another process changed the file. */
  names(): ReadonlyMap<string, Descriptor> {
    const stats = statSync(this.#file, { bigint: true, throwIfNoEntry: false });
    const stamp = stats ? `${stats.ino} ${stats.mtimeNs} ${stats.size}` : 'absent';
    if (this.#cache?.stamp !== stamp) this.#cache = { stamp, names: stats ? this.#read() : new Map() };
    return this.#cache.names;
  }

  /** Changes the names, atomically and durably. */
  async change(fn: (names: Map<string, Descriptor>) => void): Promise<void> {
    await this.#lock.with('index', 'exclusive', async () => {
      const names = new Map(this.names());
      fn(names);
      const manifests = [...names].map(([name, descriptor]) => annotate(name, descriptor));
      const index: Index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
      const temporary = `${this.#file}.tmp`;
      const handle = await open(temporary, 'w', 0o644);
      try {
        await handle.writeFile(JSON.stringify(index, null, 1));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, this.#file);
    });
  }

  #read(): Map<string, Descriptor> {
    const index = JSON.parse(readFileSync(this.#file, 'utf8')) as Index;
    return new Map(
      index.manifests.flatMap(({ mediaType, digest, size, annotations }) => {
        const name = annotations?.[nameKey];
        return name === undefined ? [] : [[name, { mediaType, digest, size }] as const];
      }),
    );
  }
}

function annotate(name: string, descriptor: Descriptor): Descriptor {
  const tag = name.includes('@') ? undefined : name.slice(name.lastIndexOf(':') + 1);
  const { mediaType, digest, size } = descriptor;
  return { mediaType, digest, size, annotations: { [nameKey]: name, ...(tag && { [tagKey]: tag }) } };
}
