import { mkdirSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Linux } from '../linux/linux.ts';
import type { UserNamespace } from './runtime.ts';

/** The OCI spec's words for a mapping of all ids of a container. */
export function idMappings({ hostId, size }: UserNamespace) {
  const mappings = [{ containerID: 0, hostID: hostId, size }];
  return { uidMappings: mappings, gidMappings: mappings };
}

/**
 * Layers as the user namespace of a sandbox sees them: what root owns in the image its root owns. One idmapped mount a
 * layer (mount_setattr(2)), made when a container first needs it, below `dir`; its name says which layer is in use.
 */
export class IdmappedLayers {
  readonly #linux: Linux;
  /** Mounts that are there or on the way, by directory. */
  readonly #mounted = new Map<string, Promise<string>>();

  constructor(linux: Linux) {
    this.#linux = linux;
  }

  map(dir: string, userNamespace: string, layers: string[]): Promise<string[]> {
    return Promise.all(
      layers.map((layer) => {
        const target = path.join(dir, path.basename(layer));
        const known = this.#mounted.get(target);
        if (known) return known;
        const mounted = this.#mount(layer, target, userNamespace);
        this.#mounted.set(target, mounted);
        mounted.catch(() => this.#mounted.delete(target));
        return mounted;
      }),
    );
  }

  async remove(dir: string): Promise<void> {
    for (const name of await readdir(dir).catch(() => [])) {
      const target = path.join(dir, name);
      await this.#linux.mounts.unmount(target);
      this.#mounted.delete(target);
    }
    rmSync(dir, { recursive: true, force: true });
  }

  async #mount(source: string, target: string, userNamespace: string): Promise<string> {
    mkdirSync(target, { recursive: true });
    // Of an earlier process of ours, perhaps.
    await this.#linux.mounts.unmount(target);
    await this.#linux.mounts.idmap({ source, target, userNamespace });
    return target;
  }
}
