import fs from 'node:fs/promises';
import path from 'node:path';
import type { CsiSource } from './csi-source.ts';
import type { KubeletDirectory } from './kubelet-directory.ts';

/** A volume that is, or may be, published to a Pod. */
export interface PublishedVolume {
  podUid: string;
  driver: string;
  handle: string;
  name: string;
  ephemeral: boolean;
  block: boolean;
  /** Where it is published on this machine. */
  target: string;
  /** Its own directory, with the note about it. */
  directory: string;
}

/** The kubelet's note about a volume (csi_util.go volDataKey), in the directory of the volume. */
interface VolumeData {
  driverName: string;
  volumeHandle: string;
  specVolID: string;
  nodeName: string;
  attachmentID: string;
  volumeLifecycleMode: 'Ephemeral' | 'Persistent';
}

const noteFile = 'vol_data.json';
/** Directories of a Pod in which its volumes and devices lie. */
const kinds = { volumes: 'volumes/kubernetes.io~csi', devices: 'volumeDevices/kubernetes.io~csi' } as const;

/** What is published to which Pod: notes on disk, in the kubelet's layout. */
export class PublishedVolumes {
  readonly #directory: KubeletDirectory;

  constructor(directory: KubeletDirectory) {
    this.#directory = directory;
  }

  /** Where a volume is published: a directory, or the file of a device. */
  target(podUid: string, { name, block }: Pick<CsiSource, 'name' | 'block'>): string {
    return block
      ? this.#directory.at('plugins/kubernetes.io/csi/volumeDevices/publish', name, podUid)
      : path.join(this.#own(podUid, name, block), 'mount');
  }

  /** Notes that a volume is about to be published; where. Drivers make the target themselves. */
  async note(podUid: string, source: CsiSource, attachment: { name: string; node: string }): Promise<string> {
    const directory = this.#own(podUid, source.name, source.block);
    const target = this.target(podUid, source);
    await fs.mkdir(directory, { recursive: true, mode: 0o750 });
    await fs.mkdir(path.dirname(target), { recursive: true, mode: 0o750 });
    const data: VolumeData = {
      driverName: source.driver,
      volumeHandle: source.handle,
      specVolID: source.name,
      nodeName: attachment.node,
      attachmentID: attachment.name,
      volumeLifecycleMode: source.ephemeral ? 'Ephemeral' : 'Persistent',
    };
    const file = path.join(directory, noteFile);
    await fs.writeFile(`${file}.tmp`, JSON.stringify(data), { mode: 0o640, flush: true });
    await fs.rename(`${file}.tmp`, file);
    return target;
  }

  /** The volume is not published any more: its directory goes, but never what a driver has left mounted there. */
  async forget({ directory, target, block }: PublishedVolume): Promise<void> {
    if (block) await fs.rm(target, { force: true });
    else await removeDirectory(target);
    await fs.rm(path.join(directory, noteFile), { force: true });
    await removeDirectory(directory);
    if (block) await fs.rmdir(path.dirname(target)).catch(() => {});
  }

  async of(podUid: string): Promise<PublishedVolume[]> {
    const found: PublishedVolume[] = [];
    for (const [kind, folder] of Object.entries(kinds)) {
      const base = this.#directory.at('pods', podUid, folder);
      for (const entry of await fs.readdir(base).catch(() => [])) {
        const directory = path.join(base, entry);
        const data = await readNote(directory);
        if (!data) continue;
        const block = kind === 'devices';
        const { driverName: driver, volumeHandle: handle, specVolID: name } = data;
        const ephemeral = data.volumeLifecycleMode === 'Ephemeral';
        found.push({
          ...{ podUid, driver, handle, name, ephemeral, block, directory },
          target: this.target(podUid, { name, block }),
        });
      }
    }
    return found;
  }

  /** Whether the volume is published to any Pod. */
  async isUsed({ driver, handle }: PublishedVolume): Promise<boolean> {
    for (const uid of await this.podUids())
      if ((await this.of(uid)).some((other) => other.driver === driver && other.handle === handle)) return true;
    return false;
  }

  async podUids(): Promise<string[]> {
    const uids = await fs.readdir(this.#directory.at('pods')).catch(() => []);
    const used = await Promise.all(uids.map(async (uid) => (await this.of(uid)).length > 0));
    return uids.filter((_, i) => used[i]);
  }

  #own(podUid: string, name: string, block: boolean): string {
    return this.#directory.at('pods', podUid, block ? kinds.devices : kinds.volumes, name);
  }
}

async function readNote(directory: string): Promise<VolumeData | undefined> {
  try {
    return JSON.parse(await fs.readFile(path.join(directory, noteFile), 'utf8')) as VolumeData;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

async function removeDirectory(directory: string): Promise<void> {
  try {
    await fs.rmdir(directory);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new Error(`cannot remove ${directory}: the volume is still in it`, { cause });
  }
}
