import { mkdirSync } from 'node:fs';
import type { Logger } from '../../base/log.ts';
import type { Linux } from '../../linux/linux.ts';
import { type BuildSpec, ImageError, type ImageInfo, type Images, type PullOptions } from '../runtime.ts';
import { Blobs, type Descriptor } from './blobs.ts';
import { reachable, sweep } from './garbage.ts';
import { ImageRecords, isUnpacked } from './image-records.ts';
import { Layers } from './layers.ts';
import type { ConfigFile, Manifest } from './manifest.ts';
import { NameIndex } from './name-index.ts';
import { normalizeName } from './reference.ts';
import type { RegistryConfig } from './registry-config.ts';
import { StoreLock } from './store-lock.ts';

export interface ImagesOptions {
  /** The store; shared by all clusters of the machine. */
  dir: string;
  linux: Linux;
  log: Logger;
  /** Replaces <dir>/registries.yaml. */
  registryConfig?: RegistryConfig;
}

/** Opens the image store, making it if absent. */
export async function openImages(options: ImagesOptions): Promise<Images> {
  mkdirSync(options.dir, { recursive: true, mode: 0o711 });
  return new ImageStore(options);
}

/** The parts of the store that pull, load, save and build work with. */
export interface StoreParts {
  dir: string;
  blobs: Blobs;
  layers: Layers;
  names: NameIndex;
  records: ImageRecords;
  lock: StoreLock;
  linux: Linux;
  log: Logger;
}

class ImageStore implements Images {
  readonly #parts: StoreParts;
  readonly #registryConfig: RegistryConfig | undefined;
  /** Pulls under way by full name and credentials; callers of the same ones share one. */
  readonly #pulls = new Map<string, Promise<ImageInfo>>();

  constructor({ dir, linux, log, registryConfig }: ImagesOptions) {
    const blobs = new Blobs(dir);
    const layers = new Layers(dir);
    const lock = new StoreLock(dir);
    const names = new NameIndex(dir, lock);
    this.#parts = { dir, blobs, layers, names, lock, linux, log, records: new ImageRecords(blobs, layers, names) };
    this.#registryConfig = registryConfig;
  }

  async resolve(name: string): Promise<ImageInfo | undefined> {
    const record = this.#parts.records.find(name);
    return record && isUnpacked(record.info) ? record.info : undefined;
  }

  async list(): Promise<ImageInfo[]> {
    return this.#parts.records.all().map((record) => record.info);
  }

  async pull(name: string, options: PullOptions = {}): Promise<ImageInfo> {
    const full = normalizeName(name);
    const key = JSON.stringify([full, options.credentials ?? []]);
    const running = this.#pulls.get(key);
    if (running) return running;
    const pull = this.#adding(async () => {
      const { pullImage } = await import('./pull.ts');
      return pullImage(this.#parts, full, options, this.#registryConfig);
    }).finally(() => this.#pulls.delete(key));
    this.#pulls.set(key, pull);
    return pull;
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
    return this.#adding(() => loadArchive(this.#parts, file));
  }

  async save(nameOrId: string, file: string): Promise<void> {
    const record = this.#parts.records.find(nameOrId);
    if (!record) throw new ImageError('ImageNotFound', `image "${nameOrId}" not found`);
    const { saveArchive } = await import('./archive-save.ts');
    await saveArchive(this.#parts.blobs, record, file);
  }

  async build(spec: BuildSpec): Promise<ImageInfo> {
    const { buildImage } = await import('./build.ts');
    return this.#adding(() => buildImage(this.#parts, spec));
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
    const used = new Set(
      mounts.filter((mount) => mount.type === 'overlay').flatMap((mount) => mount.options.match(/[0-9a-f]{64}/g) ?? []),
    );
    return (diffId) => used.has(diffId.replace(/^sha256:/, ''));
  }
}

/** Unpacks an image's layers, at most three at a time, and gives its manifest the names. */
export async function installImage(
  parts: StoreParts,
  manifest: Descriptor,
  names: string[],
  target: Descriptor = manifest,
): Promise<ImageInfo> {
  const { layers: descriptors, config } = parts.blobs.json<Manifest>(manifest.digest);
  const { rootfs } = parts.blobs.json<ConfigFile>(config.digest);
  if (rootfs.diff_ids.length !== descriptors.length) {
    throw new Error(`manifest has ${descriptors.length} layers, but its config names ${rootfs.diff_ids.length}`);
  }
  const { fileChunks } = await import('./decompress.ts');
  const work = rootfs.diff_ids.map((diffId, index) => ({ diffId, blob: descriptors[index] as Descriptor }));
  const worker = async () => {
    for (let next = work.shift(); next; next = work.shift()) {
      const file = parts.blobs.path(next.blob.digest);
      await parts.layers.ensure(next.diffId, () => fileChunks(file));
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  await parts.names.change((table) => {
    for (const name of names) table.set(name, target);
  });
  const record = parts.records.all().find((candidate) => candidate.manifestDigest === manifest.digest);
  if (!record) throw new Error(`image with manifest ${manifest.digest} is not in the store after its installation`);
  return record.info;
}

function safeName(name: string): string | undefined {
  try {
    return normalizeName(name);
  } catch {
    return undefined;
  }
}
