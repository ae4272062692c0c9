import { chownSync, lstatSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Linux } from '../linux/linux.ts';

/** Mounts a container's root: the image's layers, read-only, under a writable layer of its own. */
export async function mountRootfs(
  linux: Linux,
  options: { rootfs: string; layers: string[]; writable: string; owner?: number },
): Promise<void> {
  const upper = path.join(options.writable, 'upper');
  const work = path.join(options.writable, 'work');
  mkdirSync(options.rootfs, { recursive: true });
  mkdirSync(work, { recursive: true, mode: 0o700 });
  mkdirSync(upper, { mode: 0o755 });
  // The root directory belongs to the container's root.
  if (options.owner !== undefined) chownSync(upper, options.owner, options.owner);
  await linux.mounts.overlay({ target: options.rootfs, lower: options.layers, upper, work });
}

export async function unmountRootfs(linux: Linux, rootfs: string, writable: string): Promise<void> {
  await linux.mounts.unmount(rootfs);
  await rm(writable, { recursive: true, force: true });
}

/** Makes the working directory if the image lacks it; a path with symbolic links in it is left to crun to judge. */
export function ensureDirectory(rootfs: string, directory: string): void {
  let place = rootfs;
  for (const part of directory.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') return;
    place = path.join(place, part);
    const stats = lstatSync(place, { throwIfNoEntry: false });
    if (!stats) mkdirSync(place, { mode: 0o755 });
    else if (!stats.isDirectory()) return;
  }
}
