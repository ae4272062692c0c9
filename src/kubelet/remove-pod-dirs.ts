import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Linux } from '../linux/linux.ts';
import type { ClusterPaths } from '../paths.ts';

/**
 * Unmounts and removes what Pods have left below the kubelet's directories, but for those to be kept (kubelet
 * kubelet_volumes.go cleanupOrphanedPodDirs). Without any kept it takes the whole kubelet away: for `down`.
 */
export async function removePodDirs(linux: Linux, paths: ClusterPaths, keep: (uid: string) => boolean): Promise<void> {
  for (const base of [paths.run, paths.state].map((directory) => path.join(directory, 'kubelet/pods'))) {
    for (const uid of await readdir(base).catch(() => [])) {
      if (keep(uid)) continue;
      const directory = path.join(base, uid);
      for (const { target } of await linux.mounts.list(`${directory}/`)) await linux.mounts.unmount(target);
      await rm(directory, { recursive: true, force: true });
    }
  }
}
