import { mkdir, realpath } from 'node:fs/promises';
import path from 'node:path';

/**
 * The host path of a subPath, made as a directory if absent. Symbolic links are followed only as long as they stay in
 * the volume (pkg/volume/util/subpath): a container could have planted one that points to the host.
 */
export async function resolveSubPath(volume: string, subPath: string): Promise<string> {
  if (path.isAbsolute(subPath) || subPath.split('/').includes('..'))
    throw new Error(`invalid subPath ${subPath}: it must be relative and must not contain '..'`);
  const base = await realpath(volume);
  let at = base;
  for (const part of subPath.split('/').filter((name) => name && name !== '.')) {
    const next = path.join(at, part);
    at = await realpath(next).catch(async () => {
      await mkdir(next, { mode: 0o750 });
      return next;
    });
    if (at !== base && !at.startsWith(`${base}/`))
      throw new Error(`subPath ${subPath} of volume ${volume} leads outside of it`);
  }
  return at;
}
