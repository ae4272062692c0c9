import type { ImageInfo } from '../runtime.ts';
import type { Descriptor } from './blobs.ts';
import { fileChunks } from './decompress.ts';
import type { StoreParts } from './images.ts';
import type { ConfigFile, Manifest } from './manifest.ts';

/** Unpacks an image's layers and gives its manifest the names. */
export async function installImage(
  parts: StoreParts,
  manifest: Descriptor,
  names: string[],
  target: Descriptor = manifest,
): Promise<ImageInfo> {
  await unpackImage(parts, parts.blobs.json<Manifest>(manifest.digest));
  await parts.names.change((table) => {
    for (const name of names) table.set(name, target);
  });
  const record = parts.records.all().find((candidate) => candidate.manifestDigest === manifest.digest);
  if (!record) throw new Error(`image with manifest ${manifest.digest} is not in the store after its installation`);
  return record.info;
}

/** Unpacks those of an image's layers that are not yet, three at a time. */
export async function unpackImage(parts: StoreParts, manifest: Manifest): Promise<void> {
  await inParallel(3, layersOf(parts, manifest), (layer) => unpackBlob(parts, layer));
}

export async function unpackBlob(parts: StoreParts, { diffId, blob }: ImageLayer): Promise<void> {
  await parts.layers.ensure(diffId, () => fileChunks(parts.blobs.path(blob.digest)));
}

/** A layer of an image: the blob that brings it, and the digest of what is in it. */
export interface ImageLayer {
  blob: Descriptor;
  diffId: string;
}

/** The layers of a manifest whose config is in the store, lowest first. */
export function layersOf(parts: StoreParts, { config, layers }: Manifest): ImageLayer[] {
  const { rootfs } = parts.blobs.json<Partial<ConfigFile>>(config.digest);
  const diffIds = rootfs?.diff_ids;
  if (!Array.isArray(diffIds)) throw new Error(`it is no container image: its config is of type "${config.mediaType}"`);
  if (diffIds.length !== layers.length)
    throw new Error(`manifest has ${layers.length} layers, but its config names ${diffIds.length}`);
  return layers.map((blob, index) => ({ blob, diffId: diffIds[index] as string }));
}

/** Works on the items in their order, at most `limit` at once; after a failure none is begun any more. */
export async function inParallel<T>(limit: number, items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      await work(item).catch((error) => {
        queue.length = 0;
        throw error;
      });
    }
  };
  const results = await Promise.allSettled(Array.from({ length: limit }, worker));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
