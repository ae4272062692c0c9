import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Linux } from '../src/linux/linux.ts';
import { measureAtOnce, quiet } from './at-once.ts';

interface Bundle {
  mounts: { source?: string; destination: string; options?: string[] }[];
  linux: { namespaces: { type: string; path?: string }[]; cgroupsPath: string };
}

export interface FloorOptions {
  linux: Linux;
  /** config.json of a container that Vitrine has started. */
  config: string;
  /** The image's layers, lowest first or as the overlay wants them. */
  layers: string[];
  count: number;
  atOnce: number;
  /** A directory of our own, on tmpfs. */
  dir: string;
  /** A cgroup of our own. */
  cgroup: string;
}

/**
 * The floor: the same container started by `crun run` alone: detached, without monitor, logs, Pod, network. Roots are
 * mounted before the clock runs. What a Pod shares (its namespaces, its files) is left out.
 */
export async function crunFloor({ linux, config, layers, count, atOnce, dir, cgroup }: FloorOptions): Promise<number> {
  const root = path.join(dir, 'crun');
  const spec = JSON.parse(config) as Bundle;
  spec.mounts = spec.mounts.filter(
    ({ options, destination }) =>
      !options?.includes('rbind') && !options?.includes('bind') && destination !== '/dev/shm',
  );
  spec.linux.namespaces = spec.linux.namespaces.map(({ type }) => ({ type }));
  const bundle = (index: number) => path.join(dir, 'bundles', String(index));
  for (let index = 0; index < count; index++) {
    const [target, upper, work] = ['rootfs', 'upper', 'work'].map((name) => path.join(bundle(index), name)) as [
      string,
      string,
      string,
    ];
    for (const place of [target, upper, work]) mkdirSync(place, { recursive: true });
    await linux.mounts.overlay({ target, lower: layers, upper, work });
    const own = { ...spec, linux: { ...spec.linux, cgroupsPath: `${cgroup}/floor-${index}` } };
    writeFileSync(path.join(bundle(index), 'config.json'), JSON.stringify(own));
  }
  try {
    return await measureAtOnce(count, atOnce, (index) =>
      quiet(['crun', '--root', root, 'run', '-d', '-b', bundle(index), `floor-${index}`]),
    );
  } finally {
    await measureAtOnce(count, atOnce, (index) =>
      quiet(['crun', '--root', root, 'delete', '-f', `floor-${index}`]).catch(() => {}),
    );
    for (let index = 0; index < count; index++) await linux.mounts.unmount(path.join(bundle(index), 'rootfs'));
    rmSync(path.join(dir, 'bundles'), { recursive: true, force: true });
  }
}
