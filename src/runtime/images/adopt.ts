import { ImageError, type ImageInfo } from '../runtime.ts';
import type { StoreParts } from './images.ts';
import { inParallel, installImage } from './install.ts';
import { findLocalImage, type LocalImage, type LocalStores } from './local-images.ts';
import type { ConfigFile, Manifest } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import { parseReference, repositoryOf } from './reference.ts';

/**
 * Takes the image that docker or podman of this machine has under this full name into the store, so that what was built
 * here runs without a push. Undefined if they have none, or it is the one that the store has already.
 */
export async function adoptImage(
  parts: StoreParts,
  name: string,
  stores: LocalStores,
  builtHereOnly: boolean,
): Promise<ImageInfo | undefined> {
  const found = findLocalImage(name, stores);
  if (!found || (builtHereOnly && found.digests.length > 0)) return undefined;
  if (parts.records.find(name)?.info.id === found.id) return undefined;
  try {
    return await importImage(parts, name, found);
  } catch (error) {
    const message = `take image "${name}" from the store of docker or podman: ${(error as Error).message}`;
    throw new ImageError('ErrImagePull', message, error);
  }
}

async function importImage(parts: StoreParts, name: string, found: LocalImage): Promise<ImageInfo> {
  const config = await parts.blobs.put(found.config, mediaTypes.ociConfig);
  if (config.digest !== found.id) throw new Error(`its config has digest ${config.digest}, expected ${found.id}`);
  const { rootfs } = parts.blobs.json<ConfigFile>(config.digest);
  const layers = rootfs.diff_ids.map((digest) => ({ mediaType: mediaTypes.ociLayer, digest, size: 0 }));
  if (layers.length !== found.layers.length)
    throw new Error(`it has ${found.layers.length} layers, but its config names ${layers.length}`);
  await inParallel(2, [...layers.entries()], async ([index, layer]) => {
    const archive = found.layers[index] as LocalImage['layers'][number];
    if (!parts.blobs.has(layer.digest)) await parts.blobs.putStream(archive(), layer.digest);
    layer.size = parts.blobs.size(layer.digest);
  });
  const manifest: Manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers };
  const descriptor = await parts.blobs.put(Buffer.from(JSON.stringify(manifest)), mediaTypes.ociManifest);
  const repository = repositoryOf(parseReference(name));
  return installImage(parts, descriptor, [name, ...found.digests.map((digest) => `${repository}@${digest}`)]);
}
