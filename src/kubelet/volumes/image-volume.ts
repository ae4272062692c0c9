import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Volume } from '../../api/generated/core-v1.ts';
import type { Linux } from '../../linux/linux.ts';
import type { ImageInfo } from '../../runtime/runtime.ts';
import type { PodDirs } from '../pod-files.ts';
import { type ReadyVolume, volumeDir } from './volume.ts';

/** An image's files as a volume, read-only and not to be executed (KEP-4639). */
export async function setUpImage(linux: Linux, dirs: PodDirs, volume: Volume, image: ImageInfo): Promise<ReadyVolume> {
  const hostPath = volumeDir(dirs.run, 'image', volume);
  const nothing = path.join(dirs.run, 'volumes/empty-layer');
  await Promise.all([mkdir(hostPath, { recursive: true }), mkdir(nothing, { recursive: true })]);
  if (!(await linux.mounts.list(hostPath)).some(({ target }) => target === hostPath))
    // An overlay wants two layers at least.
    await linux.mounts.overlay({ target: hostPath, lower: [...image.layers, nothing] });
  return { hostPath, readOnly: true, noExec: true };
}
