import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { readText } from './read-text.ts';
import { readDiskUsage } from './system-info.ts';

/** What kind of machine and system this is; read from files only. */
export interface HostDescription {
  /** os-release(5): ID, PRETTY_NAME, VERSION_ID, ID_LIKE. */
  distribution: { id: string; name: string; version: string; like: string[] };
  kernel: string;
  /** 'systemd', 'openrc', 'runit', 'busybox', or the name of process 1. */
  init: string;
  /** 'kvm', 'vmware', 'docker container', …; undefined on bare metal. */
  virtualisation: string | undefined;
  loadAverage: number[];
  /** Seconds by which the hardware clock differs; undefined without one. */
  clockDifferenceSeconds: number | undefined;
}

export function readHostDescription(nowMs: number): HostDescription {
  const release = osRelease();
  return {
    distribution: {
      id: release.ID ?? 'linux',
      name: release.PRETTY_NAME ?? release.NAME ?? 'Linux',
      version: release.VERSION_ID ?? '',
      like: (release.ID_LIKE ?? '').split(' ').filter(Boolean),
    },
    kernel: read('/proc/sys/kernel/osrelease'),
    init: initOf(),
    virtualisation: virtualisationOf(),
    loadAverage: read('/proc/loadavg').split(' ').slice(0, 3).map(Number),
    clockDifferenceSeconds: clockDifference(nowMs),
  };
}

function osRelease(): Record<string, string> {
  const text = read('/etc/os-release') || read('/usr/lib/os-release');
  const lines = text.split('\n').map((line) => /^(\w+)=["']?(.*?)["']?$/.exec(line));
  return Object.fromEntries(lines.flatMap((match) => (match ? [[match[1]!, match[2]!]] : [])));
}

function initOf(): string {
  if (fs.existsSync('/run/systemd/system')) return 'systemd';
  if (fs.existsSync('/run/openrc')) return 'openrc';
  if (fs.existsSync('/run/runit')) return 'runit';
  return read('/proc/1/comm') || 'unknown';
}

/** The inner one first: a container in a virtual machine is a container (systemd-detect-virt(1)). */
function virtualisationOf(): string | undefined {
  const [container, machine] = [containerOf(), machineOf()];
  return container && machine ? `${container} in ${machine}` : (container ?? machine);
}

function containerOf(): string | undefined {
  const container = /(?:^|\0)container=([^\0]+)/.exec(read('/proc/1/environ'))?.[1] ?? read('/run/systemd/container');
  if (container) return `${container} container`;
  if (fs.existsSync('/.dockerenv')) return 'docker container';
  return fs.existsSync('/run/.containerenv') ? 'podman container' : undefined;
}

function machineOf(): string | undefined {
  const hypervisor = read('/sys/hypervisor/type');
  if (hypervisor) return hypervisor;
  if (/^vendor_id\s*: User Mode Linux/m.test(read('/proc/cpuinfo'))) return 'user-mode linux';
  const product = [read('/sys/class/dmi/id/sys_vendor'), read('/sys/class/dmi/id/product_name')].join(' ').trim();
  const known = products.find(([pattern]) => pattern.test(product));
  if (known) return known[1];
  if (/^flags\s*:.*\bhypervisor\b/m.test(read('/proc/cpuinfo')))
    return product ? `virtual machine (${product})` : 'virtual machine';
  return undefined;
}

const products: [RegExp, string][] = [
  [/KVM|QEMU|RHEV|oVirt|OpenStack|Google Compute/i, 'kvm'],
  [/Amazon EC2/i, 'amazon ec2'],
  [/VMware/i, 'vmware'],
  [/VirtualBox|innotek/i, 'virtualbox'],
  [/Microsoft.*Virtual|Hyper-V/i, 'hyper-v'],
  [/Xen/i, 'xen'],
  [/Parallels/i, 'parallels'],
];

function clockDifference(nowMs: number): number | undefined {
  const hardware = Number(read('/sys/class/rtc/rtc0/since_epoch'));
  return hardware > 0 ? Math.round(nowMs / 1000 - hardware) : undefined;
}

/** How full something is that breaks when it is full. */
export interface Fill {
  name: string;
  used: number;
  limit: number;
}

/** File descriptors, process ids, tracked connections, disks and their inodes. */
export function readFills(processCount: number): Fill[] {
  const number = (file: string) => Number(read(file).split(/\s+/)[0]);
  const [allocated = 0, , most = 0] = read('/proc/sys/fs/file-nr').split(/\s+/).map(Number);
  const fills = [
    { name: 'open files', used: allocated, limit: most },
    {
      name: 'process ids',
      used: processCount,
      limit: Math.min(number('/proc/sys/kernel/pid_max'), number('/proc/sys/kernel/threads-max')),
    },
    {
      name: 'tracked connections',
      used: number('/proc/sys/net/netfilter/nf_conntrack_count'),
      limit: number('/proc/sys/net/netfilter/nf_conntrack_max'),
    },
  ];
  for (const { target } of diskMounts()) {
    try {
      const { capacityBytes, availableBytes, usedBytes, inodes, inodesFree } = readDiskUsage(target);
      if (capacityBytes === 0) continue;
      fills.push({ name: `disk ${target}`, used: usedBytes, limit: usedBytes + availableBytes });
      if (inodes > 0) fills.push({ name: `inodes ${target}`, used: inodes - inodesFree, limit: inodes });
    } catch {
      // Not ours to look at.
    }
  }
  return fills.filter(({ limit }) => limit > 0);
}

export interface Disk {
  mount: string;
  source: string;
  usedBytes: number;
  totalBytes: number;
}

/** File systems on block devices, each once. */
export function readDisks(): Disk[] {
  return diskMounts().flatMap(({ source, target }) => {
    try {
      const { capacityBytes, availableBytes, usedBytes } = readDiskUsage(target);
      return capacityBytes === 0 ? [] : [{ mount: target, source, usedBytes, totalBytes: usedBytes + availableBytes }];
    } catch {
      return []; // Not ours to look at.
    }
  });
}

/** 'eth0 10.0.0.5/24', without loopback and without what clusters and containers made for themselves. */
export function readAddresses(): string[] {
  return Object.entries(os.networkInterfaces())
    .filter(([name]) => !/^(veth|vt|docker|br-|cni|flannel|cali|virbr|lxc|tap)/.test(name))
    .flatMap(([name, addresses = []]) =>
      addresses.filter(({ internal, scopeid }) => !internal && !scopeid).map(({ cidr }) => `${name} ${cidr}`),
    );
}

/** One mount point for each block device. */
function diskMounts(): { source: string; target: string }[] {
  const seen = new Set<string>();
  return read('/proc/self/mounts')
    .split('\n')
    .flatMap((line) => {
      const [source = '', target = '', type = ''] = line.split(' ');
      if (!source.startsWith('/dev/') || /^(squashfs|iso9660|overlay)$/.test(type) || seen.has(source)) return [];
      seen.add(source);
      return [{ source, target: unescapeOctal(target) }];
    });
}

/** '\\040' is a blank (proc_pid_mounts(5)). */
const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

export interface ScheduledJob {
  source: string;
  schedule: string;
  command: string;
}

/** Entries of crontab(5) files of the system and of users; systemd timers by name. */
export function readScheduledJobs(): ScheduledJob[] {
  const system = ['/etc/crontab', ...list('/etc/cron.d')].flatMap((file) => crontab(file, true));
  const users = ['/var/spool/cron/crontabs', '/var/spool/cron', '/var/spool/cron/tabs', '/etc/crontabs'].flatMap(list);
  const timers = [
    // What is enabled is linked here, wherever its file is.
    ...['/etc', '/run', '/usr/lib', '/lib'].flatMap((top) => list(`${top}/systemd/system/timers.target.wants`)),
    ...list('/run/systemd/transient'),
  ].filter((file, i, all) => file.endsWith('.timer') && all.findIndex((its) => basename(its) === basename(file)) === i);
  return [
    ...system,
    ...users.flatMap((file) => crontab(file, false)),
    ...timers.map((source) => ({
      source,
      schedule: [...read(source).matchAll(/^On\w+=(.+)$/gm)].map(([line]) => line.trim()).join(' '),
      command: /^Unit=(.*)$/m.exec(read(source))?.[1] ?? basename(source).replace('.timer', '.service'),
    })),
  ];
}

const basename = (file: string): string => file.slice(file.lastIndexOf('/') + 1);

function crontab(file: string, hasUser: boolean): ScheduledJob[] {
  return read(file)
    .split('\n')
    .flatMap((line) => {
      const match = /^\s*(@\w+|(?:[\d*,/\-A-Za-z]+\s+){4}[\d*,/\-A-Za-z]+)\s+(.*)$/.exec(line);
      if (!match || line.trimStart().startsWith('#')) return [];
      const command = hasUser ? match[2]!.replace(/^\S+\s+/, '') : match[2]!;
      return [{ source: file, schedule: match[1]!.replace(/\s+/g, ' '), command }];
    });
}

/** Units that failed, as systemctl says; empty where there is no systemd or it does not answer in a second. */
export async function readFailedUnits(): Promise<string[]> {
  if (!fs.existsSync('/run/systemd/system')) return [];
  const options = { timeout: 1000, encoding: 'utf8' as const };
  return new Promise((resolve) => {
    execFile('systemctl', ['list-units', '--failed', '--plain', '--no-legend'], options, (_, stdout) =>
      resolve(
        stdout
          .split('\n')
          .map((line) => line.trim().split(/\s+/)[0] ?? '')
          .filter(Boolean),
      ),
    );
  });
}

/** Why the machine should be started anew: the system says so, or the running kernel's modules were replaced. */
export function rebootReasons(): string[] {
  const packages = read('/run/reboot-required.pkgs').split('\n').filter(Boolean);
  const modules = directories('/lib/modules');
  const kernel = read('/proc/sys/kernel/osrelease');
  return [
    ...(fs.existsSync('/run/reboot-required')
      ? [`the system asks for it${packages.length > 0 ? `, because of ${[...new Set(packages)].join(', ')}` : ''}`]
      : []),
    ...(modules.length > 0 && !modules.includes(kernel) && containerOf() === undefined
      ? [`kernel ${kernel} runs, but the modules here are of ${modules.join(', ')}`]
      : []),
  ];
}

function directories(directory: string): string[] {
  try {
    return fs
      .readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

export function existing(paths: string[]): string[] {
  return paths.filter((path) => fs.existsSync(path));
}

function list(directory: string): string[] {
  try {
    return fs
      .readdirSync(directory, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => `${directory}/${name}`);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readText(file).trim();
  } catch {
    return '';
  }
}
