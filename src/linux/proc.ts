import fs from 'node:fs';
import { pageSize } from './page-size.ts';

/** Parsers of /proc made for speed: every file is read into one reused buffer, and only what is asked for is read. */

export interface ProcessInfo extends TaskStat {
  pid: number;
  /** Arguments; empty for kernel threads. */
  cmdline: string[];
  uid: number;
  /** Proportional sharing is too slow to read for all: resident pages in bytes. */
  rssBytes: number;
  /** Has memory that must stay resident (VmLck). */
  locked: boolean;
  /** Lines of /proc/PID/cgroup: hierarchy controllers ('' for v2) to path. */
  cgroups: Record<string, string>;
  /** Inode numbers of its namespaces: 'net' to 4026531840. */
  namespaces: Record<string, number>;
  /** Pid in its innermost PID namespace (NSpid). */
  innerPid: number;
  /** Only with `fds`. */
  fdCount?: number;
  /** Only with `threads`. */
  threads?: ThreadInfo[];
}

export interface ThreadInfo extends TaskStat {
  tid: number;
}

/** From /proc/PID/stat (proc_pid_stat(5)). */
export interface TaskStat {
  comm: string;
  state: string;
  ppid: number;
  pgid: number;
  sid: number;
  tty: number;
  /** Process group that is in the foreground of the terminal; -1 without one. */
  tpgid: number;
  /** Kernel threads have no command line and no memory of their own. */
  kernelThread: boolean;
  /** Clock ticks (100 a second). */
  userTicks: number;
  systemTicks: number;
  priority: number;
  nice: number;
  /** SCHED_*: 0 is what nice applies to (sched(7)). */
  policy: number;
  threadCount: number;
  /** Clock ticks since boot. */
  startTicks: number;
  /** Address space (VSZ). */
  virtualBytes: number;
  /** The processor it ran on last. */
  processor: number;
}

export interface ReadProcessesOptions {
  /** Reads every thread's stat too. */
  threads?: boolean;
  /** Counts open descriptors. */
  fds?: boolean;
  /** @default all */
  pids?: number[];
}

/** Those that this kernel has. */
const namespaceNames = ['mnt', 'net', 'pid', 'ipc', 'uts', 'user', 'cgroup'].filter((name) =>
  fs.existsSync(`/proc/self/ns/${name}`),
);
/** PF_KTHREAD and PF_EXITING (include/linux/sched.h). */
const kernelThreadFlag = 0x00200000;
const exitingFlag = 0x00000004;
/** Content of the file read last; every parser copies out what it keeps. */
let buffer = Buffer.allocUnsafe(16 * 1024);

/** All processes, by pid. Those that end meanwhile are left out. */
export function readProcesses(options: ReadProcessesOptions = {}): ProcessInfo[] {
  const processes: ProcessInfo[] = [];
  for (const pid of options.pids ?? listPids()) {
    const info = readProcess(pid, options);
    if (info) processes.push(info);
  }
  return processes;
}

export function listPids(): number[] {
  return numericNames('/proc');
}

export function readProcess(pid: number, options: ReadProcessesOptions = {}): ProcessInfo | undefined {
  const directory = `/proc/${pid}`;
  const stat = readStat(`${directory}/stat`);
  if (!stat) return undefined;
  const status = readText(`${directory}/status`);
  const cgroups = readText(`${directory}/cgroup`);
  // It ended meanwhile: nothing rather than half of it.
  if (status === undefined || cgroups === undefined) return undefined;
  const info: ProcessInfo = {
    pid,
    ...stat.task,
    // Exact in status only: stat adds up what the processors have counted so far (Linux 6.17).
    rssBytes: kibibytes(status, 'VmRSS') ?? stat.rssPages * pageSize,
    locked: (kibibytes(status, 'VmLck') ?? 0) > 0,
    cmdline: readCmdline(pid),
    uid: Number(statusField(status, 'Uid').split('\t')[0]),
    innerPid: Number(statusField(status, 'NSpid').split('\t').at(-1)) || pid,
    cgroups: parseCgroups(cgroups),
    namespaces: readNamespaces(pid),
  };
  if (!isWhole(info) && !stillThere(info)) return undefined;
  if (options.threads) {
    info.threads = readThreads(pid, stat.task);
    if (info.threads.find(({ tid }) => tid === pid)?.startTicks !== info.startTicks) return undefined;
  }
  if (options.fds) info.fdCount = numericNames(`${directory}/fd`).length;
  return info;
}

/** What is ending answers as a zombie: without arguments, then without namespaces. So does much that is not ending. */
function isWhole({ state, kernelThread, cmdline, namespaces }: ProcessInfo): boolean {
  const complete = Object.keys(namespaces).length === namespaceNames.length;
  return state === 'Z' || ((kernelThread || cmdline.length > 0) && complete);
}

/** Whether it is the same process still and not about to end; one that became a zombie meanwhile is shown as such. */
function stillThere(info: ProcessInfo): boolean {
  const now = readStat(`/proc/${info.pid}/stat`);
  if (now?.task.startTicks !== info.startTicks) return false;
  if (now.task.state === 'Z') Object.assign(info, now.task, { rssBytes: 0, cmdline: [], namespaces: {} });
  return now.task.state === 'Z' || !now.ending;
}

/** Threads of one process; a lone one is its process, whose stat need not be read again. */
function readThreads(pid: number, leader: TaskStat): ThreadInfo[] {
  if (leader.threadCount === 1) return [{ tid: pid, ...leader }];
  const threads: ThreadInfo[] = [];
  for (const tid of numericNames(`/proc/${pid}/task`)) {
    const stat = readStat(`/proc/${pid}/task/${tid}/stat`);
    if (stat) threads.push({ tid, ...stat.task });
  }
  return threads;
}

/** The file by which a namespace of a process is joined (setns(2)). */
export function namespaceFile(pid: number, kind: string): string {
  return `/proc/${pid}/ns/${kind}`;
}

/** Field 22 of /proc/PID/stat: with the pid, a process's identity. undefined if gone. */
export function startTime(pid: number): number | undefined {
  return readStat(`/proc/${pid}/stat`)?.task.startTicks;
}

interface Stat {
  task: TaskStat;
  rssPages: number;
  /** It is on its way to being a zombie. */
  ending: boolean;
}

function readStat(file: string): Stat | undefined {
  const text = readText(file);
  return text ? parseStat(text) : undefined;
}

/** The name in parentheses may itself contain blanks and parentheses: the last ')' ends it. */
export function parseStat(text: string): Stat {
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  const number = (field: number) => Number(fields[field - 3]);
  const task = {
    comm: text.slice(text.indexOf('(') + 1, end),
    state: fields[0]!,
    ppid: number(4),
    pgid: number(5),
    sid: number(6),
    tty: number(7),
    tpgid: number(8),
    kernelThread: (number(9) & kernelThreadFlag) !== 0,
    userTicks: number(14),
    systemTicks: number(15),
    priority: number(18),
    nice: number(19),
    threadCount: number(20),
    startTicks: number(22),
    virtualBytes: number(23),
    processor: number(39),
    policy: number(41),
  };
  return { task, rssPages: number(24), ending: (number(9) & exitingFlag) !== 0 };
}

export function readCmdline(pid: number): string[] {
  const text = readText(`/proc/${pid}/cmdline`);
  if (!text) return [];
  // A process that rewrote its title leaves padding.
  return text.replace(/\0+$/, '').split('\0');
}

export function parseCgroups(text: string): Record<string, string> {
  const cgroups: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const first = line.indexOf(':');
    const second = line.indexOf(':', first + 1);
    if (second > 0) cgroups[line.slice(first + 1, second)] = line.slice(second + 1);
  }
  return cgroups;
}

function readNamespaces(pid: number): Record<string, number> {
  const namespaces: Record<string, number> = {};
  for (const name of namespaceNames) {
    try {
      const link = fs.readlinkSync(`/proc/${pid}/ns/${name}`); // 'net:[4026531840]'
      namespaces[name] = Number(link.slice(name.length + 2, -1));
    } catch {
      return namespaces; // gone, or not ours to see
    }
  }
  return namespaces;
}

/** Bytes of a line 'Name: 12 kB'. */
function kibibytes(status: string, name: string): number | undefined {
  const value = Number.parseInt(statusField(status, name), 10);
  return Number.isNaN(value) ? undefined : value * 1024;
}

function statusField(status: string, name: string): string {
  const at = status.indexOf(`\n${name}:\t`);
  if (at < 0) return '';
  const start = at + name.length + 3;
  return status.slice(start, status.indexOf('\n', start));
}

function numericNames(directory: string): number[] {
  try {
    const numbers: number[] = [];
    for (const name of fs.readdirSync(directory)) {
      const first = name.charCodeAt(0);
      if (first >= 48 && first <= 57) numbers.push(Number(name));
    }
    return numbers;
  } catch {
    return [];
  }
}

/** undefined when the file, mostly with its process, is gone. */
function readText(file: string): string | undefined {
  let fd: number;
  try {
    fd = fs.openSync(file, 'r');
  } catch {
    return undefined;
  }
  try {
    let length = 0;
    for (;;) {
      const read = fs.readSync(fd, buffer, length, buffer.length - length, null);
      length += read;
      // Files of /proc that fit come in one piece.
      if (read === 0 || length < buffer.length) break;
      buffer = Buffer.concat([buffer, Buffer.allocUnsafe(buffer.length)]);
    }
    return buffer.toString('utf8', 0, length);
  } catch {
    return undefined;
  } finally {
    fs.closeSync(fd);
  }
}
