import { statSync } from 'node:fs';
import type { ImageInfo } from '../runtime.ts';
import type { Blobs, Descriptor } from './blobs.ts';
import type { Layers } from './layers.ts';
import { type ConfigFile, choosePlatform, type Index, looksLikeIndex, type Manifest } from './manifest.ts';
import type { NameIndex } from './name-index.ts';
import { normalizeName } from './reference.ts';

/** One image as the store's files describe it: the manifest for this machine and its config. */
export interface ImageRecord {
  manifestDigest: string;
  manifest: Manifest;
  config: ConfigFile;
  info: ImageInfo;
}

/** Looks up images by name, id or digest. Reads, never writes. */
export class ImageRecords {
  readonly #blobs: Blobs;
  readonly #layers: Layers;
  readonly #names: NameIndex;
  /** Records by manifest digest, made for the name table `#from`, and all of them again when that table is another one. */
  #records = new Map<string, ImageRecord>();
  #from: ReadonlyMap<string, Descriptor> | undefined;

  constructor(blobs: Blobs, layers: Layers, names: NameIndex) {
    this.#blobs = blobs;
    this.#layers = layers;
    this.#names = names;
  }

  all(): ImageRecord[] {
    const names = this.#names.names();
    if (names !== this.#from) {
      this.#records = this.#build(names);
      this.#from = names;
    }
    return [...this.#records.values()];
  }

  /** By name ('httpd'), by digest ('httpd@sha256:…'), by id ('sha256:…') or by the beginning of an id. */
  find(name: string): ImageRecord | undefined {
    const records = this.all();
    const hex = /^(?:sha256:)?([0-9a-f]{4,64})$/.exec(name)?.[1];
    if (hex) {
      const matches = records.filter((record) => record.info.id.startsWith(`sha256:${hex}`));
      if (matches.length === 1) return matches[0];
      if (name.startsWith('sha256:') || hex.length === 64) return undefined;
    }
    const full = normalizeName(name);
    return records.find(({ info }) => info.names.includes(full) || info.digests.includes(full));
  }

  /** The manifest for this machine behind a descriptor that may be an index. */
  manifestOf(descriptor: { mediaType: string; digest: string }): { digest: string; manifest: Manifest } | undefined {
    if (!this.#blobs.has(descriptor.digest)) return undefined;
    const document = this.#blobs.json<Manifest | Index>(descriptor.digest);
    if (!looksLikeIndex(document as Index, descriptor.mediaType)) {
      return { digest: descriptor.digest, manifest: document as Manifest };
    }
    const chosen = choosePlatform(document as Index);
    return chosen && this.manifestOf(chosen);
  }

  #build(names: ReadonlyMap<string, Descriptor>): Map<string, ImageRecord> {
    const records = new Map<string, ImageRecord>();
    for (const [name, descriptor] of names) {
      const found = this.manifestOf(descriptor);
      if (!found || !this.#blobs.has(found.manifest.config.digest)) continue;
      const record = records.get(found.digest) ?? this.#record(found.digest, found.manifest);
      records.set(found.digest, record);
      (name.includes('@') ? record.info.digests : record.info.names).push(name);
    }
    return records;
  }

  #record(manifestDigest: string, manifest: Manifest): ImageRecord {
    const config = this.#blobs.json<ConfigFile>(manifest.config.digest);
    const layers = config.rootfs.diff_ids.map((diffId) => this.#layers.path(diffId)).reverse();
    const sizeBytes = manifest.layers.reduce((sum, layer) => sum + layer.size, manifest.config.size);
    return {
      manifestDigest,
      manifest,
      config,
      info: {
        id: manifest.config.digest,
        names: [],
        digests: [],
        sizeBytes,
        ...(config.created !== undefined && { createdAt: config.created }),
        config: config.config ?? {},
        layers: layers.filter((layer, index) => layers.indexOf(layer) === index),
      },
    };
  }
}

/** Whether all layers of an image are unpacked. */
export function isUnpacked(info: ImageInfo): boolean {
  return info.layers.every((layer) => statSync(layer, { throwIfNoEntry: false }) !== undefined);
}
