import type { CgroupLayout } from './linux.ts';
import { type MountInfoEntry, parseMountInfo } from './mountinfo.ts';

/** CgroupLayout and what is needed to act on it. */
export interface CgroupTree extends CgroupLayout {
  /** Mount points of the hierarchies in use, each once; the v2 one, if any, last. */
  roots: string[];
  /** Those of them that we mounted, which another cluster may unmount when it goes. */
  own: string[];
  /** Mount point of the v2 hierarchy. */
  unified?: string;
}

/** Source field of the hierarchies that we mounted, by which they are known again. */
export const ownMountSource = 'vitrine';

const v1Controllers = new Set(
  'cpu cpuacct cpuset memory devices freezer blkio pids hugetlb net_cls net_prio perf_event rdma misc'.split(' '),
);

/** Which cgroup hierarchies this host has, from /proc/self/mountinfo and the controllers that v2 has. */
export function detectCgroups(mountinfo: string, readControllers: (directory: string) => string): CgroupTree {
  const mounts = parseMountInfo(mountinfo);
  const v1 = mounts.filter(({ type }) => type === 'cgroup');
  const unified = mounts.find(({ type }) => type === 'cgroup2')?.target;
  const controllers: Record<string, string> = {};
  const roots = new Set<string>();
  for (const mount of v1) {
    for (const name of hierarchyControllers(mount)) controllers[name] ??= mount.target;
    if (hierarchyControllers(mount).some((name) => controllers[name] === mount.target)) roots.add(mount.target);
  }
  if (unified) {
    for (const name of readControllers(unified).split(/\s+/).filter(Boolean)) controllers[name] ??= unified;
    roots.add(unified);
  }
  const version = v1.length === 0 ? 'v2' : unified ? 'hybrid' : 'v1';
  const own = v1.filter(({ source }) => source === ownMountSource).map(({ target }) => target);
  return { version, controllers, roots: [...roots], own, ...(unified && { unified }) };
}

function hierarchyControllers(mount: MountInfoEntry): string[] {
  return mount.superOptions.split(',').filter((option) => v1Controllers.has(option) || option.startsWith('name='));
}

/**
 * Controllers that want a v1 hierarchy mounted: those that a hybrid layout left in v2 (crun 1.8 refuses to work with any: 'drop all
 * controllers from cgroupv2'), and those of hierarchies that are in use (`ownCgroups`: /proc/self/cgroup) without a mount.
 */
export function leftoverControllers(tree: CgroupTree, ownCgroups: string): string[] {
  const inV2 = tree.version === 'hybrid' ? Object.keys(tree.controllers) : [];
  const active = ownCgroups.split('\n').flatMap((line) => line.split(':')[1] ?? []);
  return [
    ...inV2.filter((name) => tree.controllers[name] === tree.unified),
    ...active.filter((name) => v1Controllers.has(name) && tree.version !== 'v2' && !tree.controllers[name]),
  ];
}
