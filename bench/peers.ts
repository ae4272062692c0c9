import fs from 'node:fs';
import path from 'node:path';
import { createLogger } from '../src/base/log.ts';
import { clusterState } from '../src/launch.ts';
import { openLinux } from '../src/linux/open.ts';
import { openImages } from '../src/runtime/images/images.ts';
import { measureContainerd } from './containerd.ts';
import { crunFloor } from './crun-floor.ts';

/** What crun was given for a container of a cluster, and the image of its root. */
export interface PeerBundle {
  config: string;
  imageId: string;
}

export function containersDir(cluster: string): string {
  return path.join(clusterState(cluster).paths.run, 'node/runtime/containers');
}

/** That of any of its containers. */
export function aBundle(cluster: string): PeerBundle {
  const dir = containersDir(cluster);
  const [id] = fs.readdirSync(dir) as [string];
  const read = (file: string) => fs.readFileSync(path.join(dir, id, file), 'utf8');
  return { config: read('config.json'), imageId: JSON.parse(read('container.json')).spec.imageId };
}

/** Milliseconds for as many of the same containers without Vitrine, while the cluster's own Pods are gone. */
export async function measurePeers(
  cluster: string,
  { config, imageId }: PeerBundle,
  load: { count: number; atOnce: number; image?: string; command?: string[] },
): Promise<{ floor: number; containerd: number | undefined }> {
  const log = createLogger('bench', { level: 'warn' });
  const dir = fs.mkdtempSync('/run/vitrine-bench-');
  const cgroup = `/${path.basename(dir)}`;
  const linux = await openLinux({ log });
  try {
    await linux.mounts.mount({ source: 'tmpfs', target: dir, type: 'tmpfs', flags: ['nosuid', 'nodev'] });
    await linux.cgroups.create(cgroup);
    const images = await openImages({ dir: clusterState(cluster).paths.images, linux, log });
    const layers = (await images.resolve(imageId))?.layers ?? [];
    const floor = await crunFloor({ ...load, dir, config, layers, linux, cgroup });
    return { floor, containerd: await measureContainerd(images, { ...load, dir }) };
  } finally {
    await linux.cgroups.remove(cgroup);
    await linux.mounts.unmount(dir);
    fs.rmdirSync(dir);
    await linux.cgroups.release();
    await linux.close();
  }
}
