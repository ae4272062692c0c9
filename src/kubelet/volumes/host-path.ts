import type { Stats } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import path from 'node:path';
import type { HostPathVolumeSource } from '../../api/generated/core-v1.ts';
import type { ReadyVolume, VolumeContext } from './volume.ts';

const expected: Record<string, [(stats: Stats) => boolean, string]> = {
  Directory: [(stats) => stats.isDirectory(), 'a directory'],
  DirectoryOrCreate: [(stats) => stats.isDirectory(), 'a directory'],
  File: [(stats) => stats.isFile(), 'a file'],
  FileOrCreate: [(stats) => stats.isFile(), 'a file'],
  Socket: [(stats) => stats.isSocket(), 'a socket file'],
  CharDevice: [(stats) => stats.isCharacterDevice(), 'a character device'],
  BlockDevice: [(stats) => stats.isBlockDevice(), 'a block device'],
};

/** hostPath: a path of the node, checked or made by its type (pkg/volume/hostpath). */
export async function setUpHostPath(
  { kubeletDirectory }: Pick<VolumeContext, 'kubeletDirectory'>,
  { path: wanted, type = '' }: HostPathVolumeSource,
): Promise<ReadyVolume> {
  const hostPath = await kubeletDirectory.resolve(wanted);
  const [matches, what] = expected[type] ?? [];
  let stats = await stat(hostPath).catch(() => undefined);
  if (!stats && type === 'DirectoryOrCreate') {
    await mkdir(hostPath, { recursive: true, mode: 0o755 });
    stats = await stat(hostPath);
  } else if (!stats && type === 'FileOrCreate') {
    await (await open(hostPath, 'a', 0o644)).close();
    stats = await stat(hostPath);
  } else if (!stats && type === '') {
    // Without a type nothing is checked; what is absent comes into being as a directory, as container runtimes do it.
    await mkdir(hostPath, { recursive: true, mode: 0o755 });
  }
  if (matches && !(stats && matches(stats))) {
    throw new Error(`hostPath type check failed: ${path.normalize(wanted)} is not ${what}`);
  }
  return { hostPath };
}
