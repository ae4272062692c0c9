import fs from 'node:fs';
import path from 'node:path';
import { detectCgroups } from './cgroup-layout.ts';
import { readUsageV1, readUsageV2 } from './cgroup-limits.ts';
import type { CgroupUsage } from './linux.ts';
import { readMountInfo } from './mountinfo.ts';
import { readText } from './read-text.ts';

/** Use and limits of one cgroup. A limit that is not set is undefined. */
export interface CgroupReading extends CgroupUsage {
  /** CPUs that its quota allows: 0.5. */
  cpuLimit: number | undefined;
  /** cpu.shares, or cpu.weight on v2. */
  cpuShares: number | undefined;
  pidsLimit: number | undefined;
}

/** How long tasks waited for a resource (Documentation/accounting/psi.rst): percent of the last 10 and 60 seconds. */
export interface Pressure {
  /** At least one waited. */
  some: { avg10: number; avg60: number; totalMicroseconds: number };
  /** All waited; the kernel has none for the CPU of the whole machine. */
  full: { avg10: number; avg60: number; totalMicroseconds: number } | undefined;
}

export type Pressures = Partial<Record<'cpu' | 'memory' | 'io', Pressure>>;

export interface CgroupReader {
  version: 'v1' | 'hybrid' | 'v2';
  /** undefined when there is no such cgroup (any more). */
  read(cgroup: string): CgroupReading | undefined;
  /** Of a cgroup of v2 (in the hybrid layout: of the same path there), or of the machine; {} where the kernel does not count it. */
  readPressure(cgroup?: string): Pressures;
}

/** Reads the cgroup file systems without the kernel thread: no system call but reading files, no privilege needed. */
export function openCgroupReader(): CgroupReader {
  const tree = detectCgroups(readMountInfo(), (directory) => readOr(path.join(directory, 'cgroup.controllers')));
  const unified = tree.version === 'v2';
  return {
    version: tree.version,
    readPressure: (cgroup) => {
      if (cgroup === undefined || cgroup === '/') return pressures((name) => readOr(`/proc/pressure/${name}`));
      return tree.unified ? pressures((name) => readOr(path.join(tree.unified!, cgroup, `${name}.pressure`))) : {};
    },
    read: (cgroup) => {
      if (!tree.roots.some((root) => fs.existsSync(path.join(root, cgroup)))) return undefined;
      const read = (controller: string, file: string) => {
        const root = tree.controllers[controller] ?? tree.unified;
        return root ? readOr(path.join(root, cgroup, file)) : '';
      };
      return {
        ...(unified ? readUsageV2(read) : readUsageV1(read)),
        cpuLimit: unified ? quotaV2(read('cpu', 'cpu.max')) : quotaV1(read),
        cpuShares: positive(unified ? read('cpu', 'cpu.weight') : read('cpu', 'cpu.shares')),
        pidsLimit: positive(read('pids', 'pids.max')),
      };
    },
  };
}

function pressures(read: (name: string) => string): Pressures {
  const found: Pressures = {};
  for (const name of ['cpu', 'memory', 'io'] as const) {
    const text = read(name);
    const some = pressureLine(text, 'some');
    if (some) found[name] = { some, full: pressureLine(text, 'full') };
  }
  return found;
}

function pressureLine(text: string, kind: string): Pressure['some'] | undefined {
  const match = new RegExp(`^${kind} avg10=(\\S+) avg60=(\\S+) avg300=\\S+ total=(\\d+)`, 'm').exec(text);
  return match ? { avg10: Number(match[1]), avg60: Number(match[2]), totalMicroseconds: Number(match[3]) } : undefined;
}

/** 'QUOTA PERIOD' in microseconds, or 'max PERIOD'. */
function quotaV2(text: string): number | undefined {
  const [quota, period] = text.trim().split(' ');
  return positive(quota ?? '') === undefined ? undefined : Number(quota) / Number(period);
}

function quotaV1(read: (controller: string, file: string) => string): number | undefined {
  const quota = positive(read('cpu', 'cpu.cfs_quota_us'));
  return quota === undefined ? undefined : quota / Number(read('cpu', 'cpu.cfs_period_us'));
}

/** undefined for '', 'max' and '-1'. */
function positive(text: string): number | undefined {
  const value = Number(text);
  return value > 0 ? value : undefined;
}

function readOr(file: string): string {
  try {
    return readText(file);
  } catch {
    return '';
  }
}
