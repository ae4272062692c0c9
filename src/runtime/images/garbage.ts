import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Blobs, Descriptor } from './blobs.ts';
import type { ImageRecords } from './image-records.ts';
import type { Layers } from './layers.ts';
import type { ConfigFile } from './manifest.ts';

/** Everything that some name still leads to: digests of blobs and diff ids of layers. */
export function reachable(
  names: ReadonlyMap<string, Descriptor>,
  records: ImageRecords,
  blobs: Blobs,
): { blobs: Set<string>; layers: Set<string> } {
  const kept = { blobs: new Set<string>(), layers: new Set<string>() };
  for (const descriptor of names.values()) {
    kept.blobs.add(descriptor.digest);
    const found = records.manifestOf(descriptor);
    if (!found) continue;
    kept.blobs.add(found.digest).add(found.manifest.config.digest);
    for (const layer of found.manifest.layers) kept.blobs.add(layer.digest);
    if (!blobs.has(found.manifest.config.digest)) continue;
    for (const diffId of blobs.json<ConfigFile>(found.manifest.config.digest).rootfs.diff_ids) kept.layers.add(diffId);
  }
  return kept;
}

/**
 * Removes blobs and layers that no name leads to. A layer that an overlay is mounted from stays for a later sweep.
 * The caller holds the content lock exclusively, so nobody is adding content that has no name yet.
 */
export async function sweep(
  dir: string,
  kept: { blobs: Set<string>; layers: Set<string> },
  layers: Layers,
  mounted: (diffId: string) => boolean,
): Promise<void> {
  const blobDir = path.join(dir, 'blobs/sha256');
  for (const name of readdirSync(blobDir)) {
    if (!kept.blobs.has(`sha256:${name}`)) rmSync(path.join(blobDir, name), { force: true });
  }
  for (const diffId of layers.list()) {
    if (!kept.layers.has(diffId) && !mounted(diffId)) await layers.remove(diffId);
  }
  await layers.removeLeftovers();
}
