import fs from 'node:fs';
import { readText } from './read-text.ts';
import { readSystemUsage } from './system-info.ts';

/** Something that the kernel has only so much of. */
export interface KernelLimit {
  /** 'tracked connections'. */
  what: string;
  used: number;
  max: number;
  /** What raises it. */
  sysctl: string;
}

/** Limits whose use the kernel counts itself: a few small files. What it does not tell is left out. */
export function readKernelLimits(): KernelLimit[] {
  const pidMax = Math.min(sysctl('kernel.pid_max'), sysctl('kernel.threads-max'));
  const limits: KernelLimit[] = [
    { what: 'open files', used: column('/proc/sys/fs/file-nr', 0), max: sysctl('fs.file-max'), sysctl: 'fs.file-max' },
    { what: 'processes and threads', used: readSystemUsage().processes, max: pidMax, sysctl: 'kernel.pid_max' },
    {
      what: 'tracked connections',
      used: sysctl('net.netfilter.nf_conntrack_count'),
      max: sysctl('net.netfilter.nf_conntrack_max'),
      sysctl: 'net.netfilter.nf_conntrack_max',
    },
    {
      what: 'neighbour table entries',
      used: neighbours(),
      max: sysctl('net.ipv4.neigh.default.gc_thresh3'),
      sysctl: 'net.ipv4.neigh.default.gc_thresh3',
    },
    ownFiles(),
  ];
  return limits.filter(({ used, max }) => Number.isFinite(used) && Number.isFinite(max) && max > 0);
}

/** Use of inotify by the user who has most of it; found by looking at every descriptor, so not for every second. */
export async function readInotifyLimits(): Promise<KernelLimit[]> {
  const uses = new Map<number, { instances: number; watches: number }>();
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    countInotify(`/proc/${name}`, uses);
    // The event loop is others', too.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const most = (read: (use: { instances: number; watches: number }) => number) =>
    Math.max(0, ...[...uses.values()].map(read));
  const [instances, watches] = ['fs.inotify.max_user_instances', 'fs.inotify.max_user_watches'];
  return [
    {
      what: 'inotify instances of a user',
      used: most((use) => use.instances),
      max: sysctl(instances!),
      sysctl: instances!,
    },
    { what: 'inotify watches of a user', used: most((use) => use.watches), max: sysctl(watches!), sysctl: watches! },
  ];
}

function countInotify(process: string, uses: Map<number, { instances: number; watches: number }>): void {
  try {
    const { uid } = fs.statSync(process);
    for (const fd of fs.readdirSync(`${process}/fd`)) {
      if (!readLink(`${process}/fd/${fd}`).startsWith('anon_inode:inotify')) continue;
      const use = uses.get(uid) ?? { instances: 0, watches: 0 };
      use.instances++;
      use.watches += (read(`${process}/fdinfo/${fd}`).match(/^inotify /gm) ?? []).length;
      uses.set(uid, use);
    }
  } catch {
    // It has ended meanwhile.
  }
}

/** Descriptors of this process, which holds sockets and watches for every Pod. */
function ownFiles(): KernelLimit {
  const soft = /^Max open files\s+(\d+)/m.exec(read('/proc/self/limits'))?.[1];
  return {
    what: 'open files of the node process',
    used: fs.readdirSync('/proc/self/fd').length,
    max: Number(soft ?? Number.NaN),
    sysctl: 'ulimit -n',
  };
}

/** Of all network namespaces; permanent entries, of which each Pod has two, do not count against the limit (net/core/neighbour.c). */
function neighbours(): number {
  const entries = Number.parseInt(read('/proc/net/stat/arp_cache').split('\n')[1]?.split(/\s+/)[0] ?? '', 16);
  return entries;
}

const sysctl = (name: string): number => column(`/proc/sys/${name.replaceAll('.', '/')}`, 0);

/** NaN if there is no such file. */
function column(file: string, index: number): number {
  const text = read(file).trim().split(/\s+/)[index];
  return text ? Number(text) : Number.NaN;
}

function read(file: string): string {
  try {
    return readText(file);
  } catch {
    return '';
  }
}

function readLink(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return '';
  }
}
