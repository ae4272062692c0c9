import { realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Linux } from '../../linux/linux.ts';

export interface SubPath {
  /** The volume's directory on the host. */
  volume: string;
  subPath: string;
  /** Where it is bound for the container's mount to begin at. */
  target: string;
}

/**
 * Binds a subPath, made as a directory if absent, on a place of its own and returns that. Symbolic links are followed only
 * as long as they stay in the volume; a container that swaps one in meanwhile gets an error, not a piece of the host
 * (CVE-2017-1002101; kubernetes pkg/volume/util/subpath).
 */
export async function bindSubPath(linux: Linux, { volume, subPath, target }: SubPath): Promise<string> {
  if (path.isAbsolute(subPath) || subPath.split('/').includes('..'))
    throw new Error(`invalid subPath ${subPath}: it must be relative and must not contain '..'`);
  const base = await realpath(volume);
  await linux.mounts.bindBeneath({ base, path: await resolveLinks(base, volume, subPath), target });
  return target;
}

/** The subPath without symbolic links, relative to the volume. What is absent can be no link. */
async function resolveLinks(base: string, volume: string, subPath: string): Promise<string> {
  let at = base;
  for (const part of subPath.split('/').filter((name) => name && name !== '.')) {
    const next = path.join(at, part);
    at = await realpath(next).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return next;
      throw error;
    });
    if (at !== base && !at.startsWith(`${base}/`))
      throw new Error(`subPath ${subPath} of volume ${volume} leads outside of it`);
  }
  return path.relative(base, at);
}

/** `<pod dir>/volume-subpaths/<volume>/<container>/<index>`, as the kubelet lays it out. */
export const subPathTarget = (podDir: string, volume: string, container: string, index: number): string =>
  path.join(podDir, 'volume-subpaths', volume, container, String(index));
