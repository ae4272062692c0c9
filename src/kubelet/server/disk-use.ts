import { existsSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type DiskUsage, readDiskUsage } from '../../linux/system-info.ts';

/** Blocks of the files below a directory, without other file systems' idea of size; 0 where there is none. */
export async function directoryBytes(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => [])) {
    const stats = await lstat(path.join(entry.parentPath, entry.name)).catch(() => undefined);
    bytes += (stats?.blocks ?? 0) * 512;
  }
  return bytes;
}

/** The file system that holds a directory; that of the root while there is no such directory yet. */
export function diskOf(directory: string): DiskUsage {
  return readDiskUsage(existsSync(directory) ? directory : '/');
}
