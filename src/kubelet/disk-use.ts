import { existsSync, type Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type DiskUsage, readDiskUsage } from '../linux/system-info.ts';

/** Blocks and inodes below a directory, without other file systems' idea of size; nothing where there is none. */
export async function directoryUse(directory: string): Promise<{ bytes: number; inodes: number }> {
  const use = { bytes: 0, inodes: 0 };
  const linked = new Set<number>();
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => [])) {
    const stats = await lstat(path.join(entry.parentPath, entry.name)).catch(() => undefined);
    if (!stats || isSeen(stats, linked)) continue;
    use.bytes += stats.blocks * 512;
    use.inodes++;
  }
  return use;
}

/** A file with several names counts once. */
function isSeen(stats: Stats, linked: Set<number>): boolean {
  if (stats.nlink < 2 || stats.isDirectory()) return false;
  if (linked.has(stats.ino)) return true;
  linked.add(stats.ino);
  return false;
}

export const directoryBytes = async (directory: string): Promise<number> => (await directoryUse(directory)).bytes;

/** The file system that holds a directory; that of the root while there is no such directory yet. */
export function diskOf(directory: string): DiskUsage {
  return readDiskUsage(existsSync(directory) ? directory : '/');
}
