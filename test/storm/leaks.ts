import fs from 'node:fs';
import path from 'node:path';
import { memoryPss } from '../../src/linux/memory.ts';
import { linkPrefix } from '../../src/network/pod-network.ts';

/** How much of everything a cluster has in the kernel and on its disk. */
export interface Counts {
  processes: number;
  monitors: number;
  mounts: number;
  namespaces: number;
  cgroups: number;
  links: number;
  podDirs: number;
  logDirs: number;
  containerDirs: number;
}

/** Of a cluster whose files are all below `root`. */
export function count(name: string, root: string): Counts {
  const mounts = lines('/proc/self/mountinfo').filter((line) => line.includes(` ${root}/`));
  const run = path.join(root, 'run/vitrine', name, 'node');
  const state = path.join(root, 'var/lib/vitrine', name);
  const processes = processesOf(name);
  return {
    processes: processes.length,
    monitors: processes.filter((command) => command.includes('conmon')).length,
    mounts: mounts.length,
    namespaces: mounts.filter((line) => line.includes(' - nsfs ')).length,
    cgroups: cgroupRoots().reduce((sum, dir) => sum + treeSize(path.join(dir, `vitrine-${name}`)), 0),
    links: fs.readdirSync('/sys/class/net').filter((link) => link.startsWith(linkPrefix(name))).length,
    podDirs: list(path.join(run, 'kubelet/pods')).length + list(path.join(state, 'kubelet/pods')).length,
    logDirs: list(path.join(root, 'var/log/vitrine', name, 'pods')).length,
    containerDirs:
      ['containers', 'sandboxes', 'exits', 'crun'].reduce(
        (sum, dir) => sum + list(path.join(run, 'runtime', dir)).length,
        0,
      ) + list(path.join(state, 'runtime/containers')).length,
  };
}

/** Open descriptors and memory of a process of ours. */
export function use(pid: number): { descriptors: number; pssMiB: number } {
  return { descriptors: list(`/proc/${pid}/fd`).length, pssMiB: Math.round((memoryPss(pid) ?? 0) / 2 ** 20) };
}

/** Command lines of what lives in the cluster's cgroups; what has ended and only waits for its parent does not count. */
function processesOf(name: string): string[] {
  return list('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      if (!read(`/proc/${pid}/cgroup`).includes(`/vitrine-${name}/`)) return [];
      if (/\) [ZX] /.test(read(`/proc/${pid}/stat`))) return [];
      return [read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')];
    });
}

function cgroupRoots(): string[] {
  return lines('/proc/self/mounts').flatMap((line) => {
    const [, target = '', type] = line.split(' ');
    return type === 'cgroup' || type === 'cgroup2' ? [target] : [];
  });
}

function treeSize(dir: string): number {
  if (!fs.existsSync(dir)) return 0;
  const below = fs.readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return 1 + below.reduce((sum, entry) => sum + treeSize(path.join(dir, entry.name)), 0);
}

const lines = (file: string): string[] => read(file).split('\n').filter(Boolean);

function list(dir: string): string[] {
  try {
    return fs.readdirSync(dir);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    // As bytes: Node 26.10 spoils its heap where a file of unknown size holds a long line (src/linux/mountinfo.ts).
    return fs.readFileSync(file).toString();
  } catch {
    return '';
  }
}
