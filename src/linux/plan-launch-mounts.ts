import type { MountInfo } from './linux.ts';

/** What makes a mount namespace small. */
export interface LaunchMounts {
  /** Mount points to detach, each with all that is mounted below it. */
  detach: string[];
  /** Of what went with these: mount points to attach again, each alone, parents first. */
  keep: string[];
}

/** Kernel file systems: a container's own are made from them. */
const always = ['/proc', '/sys', '/dev'];

/** Which of a host's mounts are there where containers are started: those that `visible` paths lie on, and the kernel's. */
export function planLaunchMounts(mounts: Pick<MountInfo, 'target'>[], visible: string[]): LaunchMounts {
  const targets = mounts.map(({ target }) => target).filter((target) => target !== '/');
  const known = new Set(targets);
  const needed = (target: string) =>
    visible.some((path) => isWithin(path, target)) || always.some((path) => isWithin(target, path));
  return {
    detach: targets.filter((target) => !hasAncestor(target, known)),
    keep: [...known].filter(needed).sort((a, b) => depth(a) - depth(b)),
  };
}

const isWithin = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory}/`);

const depth = (path: string): number => path.split('/').length;

function hasAncestor(target: string, known: ReadonlySet<string>): boolean {
  for (let slash = target.lastIndexOf('/'); slash > 0; slash = target.lastIndexOf('/', slash - 1))
    if (known.has(target.slice(0, slash))) return true;
  return false;
}
