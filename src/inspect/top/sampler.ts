import { type ProcessInfo, readProcess } from '../../linux/proc.ts';
import { openStatReader, type ProcessStat } from '../../linux/stat-reader.ts';
import { readMemory } from '../../linux/system-info.ts';
import { type CgroupOwner, primaryCgroup, recogniseCgroup } from '../recognise-cgroup.ts';
import { readUsers } from '../users.ts';

/** One process as top shows it. */
export interface TopProcess {
  pid: number;
  ppid: number;
  startTicks: number;
  name: string;
  command: string[];
  user: string;
  state: string;
  threads: number;
  rssBytes: number;
  cpuTicks: number;
  /** Of one CPU, since the sample before; since its start in the first sample. */
  cpuPercent: number;
  owner: CgroupOwner;
}

export interface TopSample {
  takenAtMs: number;
  processes: TopProcess[];
  memoryBytes: number;
  memoryAvailableBytes: number;
}

export interface Sampler {
  sample(): TopSample;
  close(): void;
}

/** What does not change while a process runs one program. */
interface Known {
  startTicks: number;
  comm: string;
  user: string;
  command: string[];
  owner: CgroupOwner;
  /** At the sample before. */
  cpuTicks: number;
}

/** Samples cost one read a process: what does not change is read when a process is new or has another name. */
export function openSampler(): Sampler {
  const reader = openStatReader();
  const users = readUsers();
  /** By pid; those that ended are forgotten at the next sample. */
  let known = new Map<number, Known>();
  /** Zero before the first sample. */
  let lastMs = 0;
  return {
    sample: () => {
      const now = performance.now();
      const next = new Map<number, Known>();
      const processes: TopProcess[] = [];
      for (const stat of reader.read()) {
        const before = known.get(stat.pid);
        const same = before?.startTicks === stat.startTicks && before.comm === stat.comm;
        const facts = same ? before : describeProcess(stat, users);
        if (!facts) continue;
        const cpuTicks = stat.userTicks + stat.systemTicks;
        const ticks = same ? cpuTicks - before.cpuTicks : 0;
        processes.push(toProcess(stat, facts, lastMs > 0 ? (ticks * 1000) / (now - lastMs) : 0));
        next.set(stat.pid, { ...facts, cpuTicks });
      }
      known = next;
      lastMs = now;
      const memory = readMemory();
      return {
        takenAtMs: Date.now(),
        processes,
        memoryBytes: memory.MemTotal ?? 0,
        memoryAvailableBytes: memory.MemAvailable ?? 0,
      };
    },
    close: () => reader.close(),
  };
}

function describeProcess(stat: ProcessStat, users: Map<number, string>): Known | undefined {
  const info: ProcessInfo | undefined = readProcess(stat.pid);
  if (!info) return undefined;
  return {
    startTicks: stat.startTicks,
    comm: stat.comm,
    user: users.get(info.uid) ?? String(info.uid),
    command: info.cmdline,
    owner: recogniseCgroup(primaryCgroup(info.cgroups)),
    cpuTicks: 0,
  };
}

function toProcess(stat: ProcessStat, { user, command, owner }: Known, cpuPercent: number): TopProcess {
  const { pid, ppid, startTicks, comm, state, threadCount, rssBytes, userTicks, systemTicks } = stat;
  const cpuTicks = userTicks + systemTicks;
  return {
    pid,
    ppid,
    startTicks,
    name: comm,
    command,
    user,
    state,
    threads: threadCount,
    rssBytes,
    cpuTicks,
    cpuPercent,
    owner,
  };
}
