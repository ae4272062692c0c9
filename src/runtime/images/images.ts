import { existsSync, mkdirSync, statfsSync } from 'node:fs';
import { causes } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Linux } from '../../linux/linux.ts';
import {
  type BuildSpec,
  type ImageCheck,
  ImageError,
  type ImageInfo,
  type Images,
  type PulledImage,
  type PullOptions,
} from '../runtime.ts';
import { Blobs, type Descriptor } from './blobs.ts';
import { reachable, sweep } from './garbage.ts';
import { ImageRecords, isUnpacked } from './image-records.ts';
import { unpackImage } from './install.ts';
import { Layers } from './layers.ts';
import { defaultLocalStores, type LocalStores } from './local-images.ts';
import { NameIndex } from './name-index.ts';
import { normalizeName } from './reference.ts';
import type { RegistryConfig } from './registry-config.ts';
import { StoreLock } from './store-lock.ts';
import { Unsynced } from './unsynced.ts';

export interface ImagesOptions {
  /** The store; shared by all clusters of the machine. */
  dir: string;
  linux: Linux;
  log: Logger;
  /** Replaces <dir>/registries.yaml. */
  registryConfig?: RegistryConfig;
  /** Where docker and podman of this machine keep their images. @default defaultLocalStores */
  localStores?: LocalStores;
}

/** Opens the image store, making it if absent. */
export async function openImages(options: ImagesOptions): Promise<Images> {
  mkdirSync(options.dir, { recursive: true, mode: 0o711 });
  const store = new ImageStore(options);
  await store.open();
  return store;
}

/** The parts of the store that pull, load, save and build work with. */
export interface StoreParts {
  dir: string;
  blobs: Blobs;
  layers: Layers;
  names: NameIndex;
  records: ImageRecords;
  lock: StoreLock;
  unsynced: Unsynced;
  linux: Linux;
  log: Logger;
}

class ImageStore implements Images {
  readonly #parts: StoreParts;
  readonly #registryConfig: RegistryConfig | undefined;
  readonly #localStores: LocalStores;
  /** Pulls and adoptions under way by full name and what else matters. */
  readonly #underWay = new Map<string, Promise<ImageInfo | undefined>>();

  constructor({ dir, linux, log, registryConfig, localStores = defaultLocalStores }: ImagesOptions) {
    const unsynced = new Unsynced(dir, linux.sysctl.get('kernel.random.boot_id') ?? '');
    const blobs = new Blobs(dir, unsynced);
    const layers = new Layers(dir, unsynced);
    const lock = new StoreLock(dir);
    const names = new NameIndex(dir, lock);
    const records = new ImageRecords(blobs, layers, names);
    this.#parts = { dir, blobs, layers, names, lock, unsynced, linux, log, records };
    this.#registryConfig = registryConfig;
    this.#localStores = localStores;
  }

  /** Clears away what processes that died and a machine that lost its power left half-done, if nobody is adding. */
  async open(): Promise<void> {
    const { lock, blobs, layers, unsynced } = this.#parts;
    await lock.tryWith('content', async () => {
      const { marks, forget } = unsynced.untrusted();
      for (const { kind, hex } of marks) await (kind === 'blob' ? blobs : layers).remove(`sha256:${hex}`);
      forget();
      await Promise.all([blobs.removeLeftovers(), layers.removeLeftovers()]);
    });
  }

  async resolve(name: string): Promise<ImageInfo | undefined> {
    const record = this.#parts.records.find(name);
    if (!record || isUnpacked(record.info)) return record?.info;
    // The layers are gone, after a loss of power perhaps; what they are made from may still be there.
    if (!record.manifest.layers.every(({ digest }) => this.#parts.blobs.has(digest))) return undefined;
    return this.#adding(() => unpackImage(this.#parts, record.manifest)).then(() => record.info);
  }

  async list(): Promise<ImageInfo[]> {
    return this.#parts.records.all().map((record) => record.info);
  }

  async pull(name: string, options: PullOptions = {}): Promise<PulledImage> {
    const full = normalizeName(name);
    return this.#shared(JSON.stringify(['pull', full, options.credentials ?? []]), async () => {
      const { pullImage } = await import('./pull.ts');
      return pullImage(this.#parts, full, options, this.#registryConfig);
    });
  }

  async adopt(name: string, { builtHereOnly = false } = {}): Promise<ImageInfo | undefined> {
    const full = normalizeName(name);
    if (!Object.values(this.#localStores).some((dir) => existsSync(dir))) return undefined;
    return this.#shared(JSON.stringify(['adopt', full, builtHereOnly]), async () => {
      const { adoptImage } = await import('./adopt.ts');
      return adoptImage(this.#parts, full, this.#localStores, builtHereOnly);
    });
  }

  /** Brings an image from elsewhere, once however many want it. It can be brought again: nobody waits for the disk. */
  #shared<T extends ImageInfo | undefined>(key: string, bring: () => Promise<T>): Promise<T> {
    const running = this.#underWay.get(key);
    if (running) return running as Promise<T>;
    const work = this.#adding(bring).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, work);
    const settle = async (image: T) => image && (await this.#parts.unsynced.settle());
    work
      .then(settle, (error) => this.#afterFailure(error))
      .catch((error) => {
        this.#parts.log.warn('cannot settle the image store', { error });
      });
    return work;
  }

  /** A full disk is not made emptier by waiting: what the pull brought so far goes. */
  async #afterFailure(error: unknown): Promise<void> {
    const codes = causes(error).map((one) => (one as NodeJS.ErrnoException).code);
    if (codes.includes('ENOSPC') || codes.includes('EDQUOT')) await this.#collect(await this.#mountedLayers());
  }

  async remove(nameOrId: string): Promise<void> {
    const { names, records } = this.#parts;
    const record = records.find(nameOrId);
    if (!record) throw new ImageError('ImageNotFound', `image "${nameOrId}" not found`);
    const byName = record.info.names.find((name) => !nameOrId.startsWith('sha256:') && name === safeName(nameOrId));
    const doomed = byName && record.info.names.length > 1 ? [byName] : [...record.info.names, ...record.info.digests];
    const mounted = await this.#mountedLayers();
    if (doomed.length > 1 || record.info.names.length <= 1) {
      const used = record.config.rootfs.diff_ids.some(mounted);
      const shared = records.all().some((other) => other !== record && other.info.layers[0] === record.info.layers[0]);
      if (used && !shared) throw new ImageError('ImageInUse', `image "${nameOrId}" is in use by a running container`);
    }
    await names.change((table) => {
      for (const name of doomed) table.delete(name);
    });
    await this.#collect(mounted);
  }

  async tag(nameOrId: string, newName: string): Promise<void> {
    const { names, records } = this.#parts;
    const record = records.find(nameOrId);
    if (!record) throw new ImageError('ImageNotFound', `image "${nameOrId}" not found`);
    const full = normalizeName(newName);
    const source = [...record.info.names, ...record.info.digests][0] as string;
    await names.change((table) => table.set(full, table.get(source) as Descriptor));
  }

  async load(file: string): Promise<ImageInfo[]> {
    const { loadArchive } = await import('./archive-load.ts');
    const loaded = await this.#adding(() => loadArchive(this.#parts, file));
    await this.#parts.unsynced.settle();
    return loaded;
  }

  async save(nameOrId: string, file: string): Promise<void> {
    const record = this.#parts.records.find(nameOrId);
    if (!record) throw new ImageError('ImageNotFound', `image "${nameOrId}" not found`);
    const { saveArchive } = await import('./archive-save.ts');
    await saveArchive(this.#parts.blobs, record, file);
  }

  async check(options: { deep?: boolean } = {}): Promise<ImageCheck> {
    const { checkImages } = await import('./check.ts');
    return checkImages(this.#parts, options);
  }

  async build(spec: BuildSpec): Promise<ImageInfo> {
    const { buildImage } = await import('./build.ts');
    const built = await this.#adding(() => buildImage(this.#parts, spec));
    await this.#parts.unsynced.settle();
    return built;
  }

  async prune({ all = false }: { all?: boolean } = {}): Promise<{ removed: string[]; freedBytes: number }> {
    const { names, records } = this.#parts;
    const mounted = await this.#mountedLayers();
    const freeBytes = () => {
      const { bavail, bsize } = statfsSync(this.#parts.dir);
      return bavail * bsize;
    };
    const before = freeBytes();
    const unused = records
      .all()
      .filter(({ info, config }) => (all || info.names.length === 0) && !config.rootfs.diff_ids.some(mounted));
    const removed = unused.flatMap(({ info }) => [...info.names, ...info.digests]);
    if (removed.length > 0) {
      await names.change((table) => {
        for (const name of removed) table.delete(name);
      });
    }
    await this.#collect(mounted);
    return { removed, freedBytes: Math.max(0, freeBytes() - before) };
  }

  /** Content is being added that no name leads to yet: keeps the garbage collection away. */
  #adding<T>(fn: () => Promise<T>): Promise<T> {
    return this.#parts.lock.with('content', 'shared', fn);
  }

  async #collect(mounted: (diffId: string) => boolean): Promise<void> {
    const { lock, names, records, blobs, layers, dir, log } = this.#parts;
    const done = await lock.tryWith('content', () =>
      sweep(dir, reachable(names.names(), records, blobs), layers, mounted),
    );
    if (!done) log.debug('image garbage is left for later, as images are being added');
  }

  /** The kernel's mount table knows the users of all clusters, and forgets those that are gone. */
  async #mountedLayers(): Promise<(diffId: string) => boolean> {
    const mounts = await this.#parts.linux.mounts.list('/');
    const own = `${this.#parts.dir}/layers/`;
    const used = new Set<string>();
    for (const { type, options } of mounts) {
      if (type !== 'overlay') continue;
      // Relative paths, of long lists on old kernels, may be ours; another store may have the same layers.
      for (const [, folder = '', hex = ''] of options.matchAll(/([^=:,]*)([0-9a-f]{64})/g))
        if (folder === own || !folder.startsWith('/')) used.add(hex);
    }
    return (diffId) => used.has(diffId.replace(/^sha256:/, ''));
  }
}

function safeName(name: string): string | undefined {
  try {
    return normalizeName(name);
  } catch {
    return undefined;
  }
}
