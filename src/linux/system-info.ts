import fs from 'node:fs';
import os from 'node:os';
import { readText } from './read-text.ts';

/** What a Node's status tells about its machine (nodeInfo, capacity). */
export interface SystemInfo {
  cpus: number;
  memoryBytes: number;
  hugepages: Record<string, number>;
  bootId: string;
  machineId: string;
  systemUuid: string;
  /** '6.1.0-25-amd64'. */
  kernelVersion: string;
  /** PRETTY_NAME of os-release(5). */
  osImage: string;
  /** Kubernetes' word: 'amd64', 'arm64'. */
  architecture: string;
  swapBytes: number;
  bootTimeMs: number;
  pidMax: number;
}

export function readSystemInfo(): SystemInfo {
  const meminfo = readMemory();
  const bootId = read('/proc/sys/kernel/random/boot_id');
  const machineId = read('/etc/machine-id') || read('/var/lib/dbus/machine-id') || bootId.replaceAll('-', '');
  return {
    cpus: os.availableParallelism(),
    memoryBytes: meminfo.MemTotal ?? os.totalmem(),
    hugepages: readHugepages(),
    bootId,
    machineId,
    systemUuid: read('/sys/class/dmi/id/product_uuid') || machineId,
    kernelVersion: os.release(),
    osImage: readOsImage(),
    architecture: ({ x64: 'amd64', ia32: '386' } as Record<string, string>)[process.arch] ?? process.arch,
    swapBytes: meminfo.SwapTotal ?? 0,
    bootTimeMs: readBootTime() * 1000,
    pidMax: Number(read('/proc/sys/kernel/pid_max')) || 32_768,
  };
}

/** Seconds since the epoch at which the machine started. */
export function readBootTime(): number {
  const match = /^btime (\d+)$/m.exec(read('/proc/stat'));
  return match ? Number(match[1]) : Math.round(Date.now() / 1000 - os.uptime());
}

/** /proc/meminfo in bytes. */
export function readMemory(): Record<string, number> {
  const entries = read('/proc/meminfo')
    .split('\n')
    .map((line) => /^(\S+):\s+(\d+)( kB)?/.exec(line))
    .filter((match) => match !== null)
    .map(([, name, value, unit]) => [name, Number(value) * (unit ? 1024 : 1)]);
  return Object.fromEntries(entries);
}

export interface DiskUsage {
  capacityBytes: number;
  availableBytes: number;
  usedBytes: number;
  inodes: number;
  inodesFree: number;
}

/** statfs(2) of the file system that holds `path`. */
export function readDiskUsage(path: string): DiskUsage {
  const { bsize, blocks, bavail, bfree, files, ffree } = fs.statfsSync(path);
  return {
    capacityBytes: blocks * bsize,
    availableBytes: bavail * bsize,
    usedBytes: (blocks - bfree) * bsize,
    inodes: files,
    inodesFree: ffree,
  };
}

/** Whole-machine use: CPU in nanoseconds since boot (all processors), memory in bytes. */
export function readSystemUsage(): {
  cpuNanoseconds: number;
  memoryBytes: number;
  workingSetBytes: number;
  processes: number;
} {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (/^cpu .*$/m.exec(read('/proc/stat'))?.[0] ?? '')
    .split(/\s+/)
    .map(Number);
  const memory = readMemory();
  const total = memory.MemTotal ?? 0;
  return {
    cpuNanoseconds: (user + nice + system + irq + softirq) * 10_000_000,
    memoryBytes: total - (memory.MemFree ?? 0),
    workingSetBytes: total - (memory.MemAvailable ?? memory.MemFree ?? 0),
    processes: Number(/\d+\/(\d+)/.exec(read('/proc/loadavg'))?.[1] ?? 0),
  };
}

/** Preallocated huge pages by size: '2Mi' to their bytes. */
function readHugepages(): Record<string, number> {
  const pools: Record<string, number> = {};
  for (const name of list('/sys/kernel/mm/hugepages')) {
    const kilobytes = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1]);
    if (!kilobytes) continue;
    const size =
      kilobytes >= 1 << 20 ? `${kilobytes >> 20}Gi` : kilobytes >= 1024 ? `${kilobytes >> 10}Mi` : `${kilobytes}Ki`;
    pools[size] = Number(read(`/sys/kernel/mm/hugepages/${name}/nr_hugepages`)) * kilobytes * 1024;
  }
  return pools;
}

function readOsImage(): string {
  const text = read('/etc/os-release') || read('/usr/lib/os-release');
  return /^PRETTY_NAME="?(.*?)"?$/m.exec(text)?.[1] ?? 'Linux';
}

function list(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
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
