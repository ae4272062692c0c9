import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Linux } from '../linux/linux.ts';
import type { ClusterPaths } from '../paths.ts';
import { kubepods } from './resources.ts';

/**
 * Unmounts and removes what Pods have left below the kubelet's directories, but for those to be kept (kubelet
 * kubelet_volumes.go cleanupOrphanedPodDirs). Without any kept it takes the whole kubelet away: for `down`.
 */
export async function removePodDirs(linux: Linux, paths: ClusterPaths, keep: (uid: string) => boolean): Promise<void> {
  for (const base of podsBases(paths)) {
    for (const uid of await readdir(base).catch(() => [])) {
      if (keep(uid)) continue;
      const directory = path.join(base, uid);
      for (const { target } of await linux.mounts.list(`${directory}/`)) await linux.mounts.unmount(target);
      await rm(directory, { recursive: true, force: true });
    }
  }
}

/**
 * Removes what Pods that nobody knows have left on this node: directories and logs, and cgroups. A Pod that was deleted while the
 * node process was away, or one that was being made when it died.
 */
export async function removeRemains(
  linux: Linux,
  paths: ClusterPaths,
  isKnown: (uid: string) => boolean,
): Promise<void> {
  // The folder of logs may be another kubelet's, too: only Pods that had a directory of ours are looked for in it.
  const ours = new Set(await podsWithDirs(paths));
  for (const name of await readdir(paths.podLogs).catch(() => [])) {
    const uid = name.slice(name.lastIndexOf('_') + 1);
    if (ours.has(uid) && !isKnown(uid)) await rm(path.join(paths.podLogs, name), { recursive: true, force: true });
  }
  await removePodDirs(linux, paths, isKnown);
  const root = kubepods(paths.cgroup);
  for (const parent of [root, `${root}/burstable`, `${root}/besteffort`]) {
    for (const name of await linux.cgroups.children(parent)) {
      const uid = /^pod(.+)$/.exec(name)?.[1];
      if (uid && !isKnown(uid)) await linux.cgroups.remove(`${parent}/${name}`);
    }
  }
}

const podsBases = (paths: ClusterPaths) => [paths.run, paths.state].map((base) => path.join(base, 'kubelet/pods'));

async function podsWithDirs(paths: ClusterPaths): Promise<string[]> {
  return (await Promise.all(podsBases(paths).map((base) => readdir(base).catch(() => [])))).flat();
}
