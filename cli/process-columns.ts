import { printable } from '../src/inspect/printable.ts';
import { cpuPercent } from '../src/inspect/select-processes.ts';
import {
  type Container,
  type Process,
  readDetails,
  readPss,
  type Snapshot,
  servicesOf,
  type Thread,
} from '../src/inspect/snapshot.ts';
import { ttyName } from '../src/linux/tty-name.ts';

/** One line of `vitrine ps`. */
export interface Row {
  process: Process;
  /** With -L. */
  thread?: Thread;
  /** Glyphs before the command. */
  prefix: string;
}

export interface Column {
  title: string;
  align: 'left' | 'right';
  value(row: Row, snapshot: Snapshot): string;
}

const right = (title: string, value: Column['value']): Column => ({ title, align: 'right', value });
const left = (title: string, value: Column['value']): Column => ({ title, align: 'left', value });
const ticks = ({ process, thread }: Row) => thread ?? process;

const number = (value: number | undefined) => (value === undefined ? '-' : String(value));
const kib = (bytes: number | undefined) => number(bytes === undefined ? undefined : Math.round(bytes / 1024));
const seconds = (row: Row) => (ticks(row).userTicks + ticks(row).systemTicks) / 100;
const namespaceColumn = (title: string, kind: string): Column =>
  right(title, ({ process }) => number(process.namespaces[kind]));

/** Every column by its name; ps(1)'s names where it has them. `-o NAME,NAME` takes any. */
export const columns = {
  pid: right('PID', ({ process }) => String(process.pid)),
  ppid: right('PPID', ({ process }) => String(process.ppid)),
  pgid: right('PGID', ({ process }) => String(process.pgid)),
  sid: right('SID', ({ process }) => String(process.sid)),
  ipid: right('IPID', ({ process }) => String(process.innerPid)),
  lwp: right('LWP', ({ process, thread }) => String(thread?.tid ?? process.pid)),
  nlwp: right('NLWP', ({ process }) => String(process.threadCount)),
  user: left('USER', ({ process }) => printable(process.user)),
  uid: right('UID', ({ process }) => String(process.uid)),
  s: left('S', (row) => ticks(row).state),
  stat: left('STAT', stateFlags),
  psr: right('PSR', (row) => String(ticks(row).processor)),
  pri: right('PRI', (row) => String(39 - ticks(row).priority)),
  // Real-time policies have none.
  ni: right('NI', (row) => (/^[03]$/.test(String(ticks(row).policy)) ? String(ticks(row).nice) : '-')),
  c: right('C', (row, { host }) => String(Math.min(99, Math.floor(cpuPercent(ticks(row), host.uptimeMs))))),
  '%cpu': right('%CPU', (row, { host }) => cpuPercent(ticks(row), host.uptimeMs).toFixed(1)),
  '%mem': right('%MEM', ({ process }, { host }) => ((process.rssBytes * 100) / host.memoryBytes).toFixed(1)),
  vsz: right('VSZ', ({ process }) => kib(process.virtualBytes)),
  rss: right('RSS', ({ process }) => kib(process.rssBytes)),
  pss: right('PSS', ({ process }) => kib(readPss(process.pid))),
  swap: right('SWAP', ({ process }) => kib(readDetails(process.pid).swapBytes)),
  tty: left('TTY', ({ process }) => ttyName(process.tty) ?? '?'),
  stime: left('STIME', (row, snapshot) => startTime(startedAt(row, snapshot), snapshot.takenAtMs)),
  start: left('START', (row, snapshot) => bsdStartTime(startedAt(row, snapshot), snapshot.takenAtMs)),
  lstart: left('STARTED', (row, snapshot) => new Date(startedAt(row, snapshot)).toISOString().slice(0, 19)),
  etimes: right('ELAPSED', (row, { host }) => String(Math.floor(host.uptimeMs / 1000 - ticks(row).startTicks / 100))),
  time: right('TIME', (row) => cpuTime(seconds(row))),
  bsdtime: right('TIME', (row) => bsdCpuTime(seconds(row))),
  files: right('FILES', ({ process }) => number(readDetails(process.pid).descriptorCount)),
  maxfiles: right('MAXFILES', ({ process }) => number(readDetails(process.pid).descriptorLimit)),
  exe: left('EXE', ({ process }) => printable(executable(process))),
  cwd: left('CWD', ({ process }) => printable(readDetails(process.pid).workingDirectory ?? '-')),
  wchan: left('WCHAN', ({ process }) => printable(readDetails(process.pid).threadsWaitIn ?? '-')),
  cgroup: left('CGROUP', ({ process }) => printable(process.cgroup)),
  mntns: namespaceColumn('MNTNS', 'mnt'),
  netns: namespaceColumn('NETNS', 'net'),
  pidns: namespaceColumn('PIDNS', 'pid'),
  ipcns: namespaceColumn('IPCNS', 'ipc'),
  utsns: namespaceColumn('UTSNS', 'uts'),
  userns: namespaceColumn('USERNS', 'user'),
  cgroupns: namespaceColumn('CGROUPNS', 'cgroup'),
  unit: left('UNIT', ({ process }) => printable(process.unit ?? '-')),
  namespace: left('NAMESPACE', ({ process }) => process.container?.pod?.namespace ?? '-'),
  service: left('SERVICE', ({ process }, snapshot) => names(servicesOf(process.container?.pod, snapshot.objects))),
  workload: left('WORKLOAD', ({ process }) => workload(process)),
  node: left('NODE', ({ process }) => process.container?.pod?.object.spec.nodeName ?? '-'),
  pod: left('POD', ({ process }) => podName(process.container)),
  container: left('CONTAINER', ({ process }) => containerName(process.container)),
  owner: left('POD/UNIT', ({ process }) => ownerName(process)),
  /** Beside `owner`: of a monitor the container that it watches. */
  member: left('CONTAINER', ({ process }) =>
    process.role === 'monitor' ? `monitor of ${containerName(process.watches)}` : containerName(process.container),
  ),
  runtime: left('RUNTIME', ({ process }) => process.container?.runtime ?? '-'),
  image: left('IMAGE', ({ process }) => printable(process.container?.image ?? '-')),
  role: left('ROLE', ({ process }) => process.role ?? '-'),
  comm: left('NAME', ({ process }) => printable(process.comm)),
  thread: left('THREAD', ({ process, thread }) => printable((thread ?? process).comm)),
  args: left('COMMAND', ({ process, prefix }) => prefix + commandLine(process)),
} satisfies Record<string, Column>;

/** Other names of ps(1) for the same. */
export const columnAliases: Record<string, keyof typeof columns> = {
  pcpu: '%cpu',
  pmem: '%mem',
  state: 's',
  vsize: 'vsz',
  rssize: 'rss',
  tid: 'lwp',
  spid: 'lwp',
  thcount: 'nlwp',
  nice: 'ni',
  uname: 'user',
  euser: 'user',
  euid: 'uid',
  tt: 'tty',
  tname: 'tty',
  start_time: 'stime',
  bsdstart: 'start',
  cputime: 'time',
  cmd: 'args',
  command: 'args',
  ucmd: 'comm',
  processor: 'psr',
  pgrp: 'pgid',
  sess: 'sid',
  session: 'sid',
};

/** Columns for which more than the Pods must be asked of the API. */
export const columnsOfObjects: ReadonlySet<Column> = new Set([columns.service, columns.workload]);

/** What follows the state (ps(1), PROCESS STATE CODES). */
function stateFlags({ process, thread }: Row): string {
  const { state, nice, sid, pid, threadCount, pgid, tpgid, locked } = { ...process, ...(thread && ticksOnly(thread)) };
  return [
    state,
    nice < 0 && '<',
    nice > 0 && 'N',
    locked && 'L',
    sid === pid && 's',
    threadCount > 1 && 'l',
    pgid === tpgid && '+',
  ]
    .filter(Boolean)
    .join('');
}

const ticksOnly = ({ state, nice }: Thread) => ({ state, nice });

function startedAt(row: Row, { host }: Snapshot): number {
  return host.bootTimeMs + ticks(row).startTicks * 10;
}

function executable({ pid }: Process): string {
  const { executable, executableDeleted } = readDetails(pid);
  return executable ? `${executable}${executableDeleted ? ' (deleted)' : ''}` : '-';
}

const names = (objects: { metadata: { name: string } }[]) =>
  objects.map(({ metadata }) => metadata.name).join(',') || '-';

function workload({ container }: Process): string {
  const top = container?.pod?.owners.at(-1);
  return top ? `${top.kind}/${top.metadata.name}` : '-';
}

/** As ps shows it: the arguments, or the name in brackets where there are none; zombies marked. */
export function commandLine({ cmdline, comm, state }: Process): string {
  if (state === 'Z') return `[${printable(comm)}] <defunct>`;
  return cmdline.length > 0 ? printable(cmdline.join(' ').replace(/ +$/, '')) : `[${printable(comm)}]`;
}

/** 'name', or 'namespace/name' outside the namespace 'default'. */
export function podName(container: Container | undefined): string {
  const { pod, podUid } = container ?? {};
  if (pod) return pod.namespace === 'default' ? pod.name : `${pod.namespace}/${pod.name}`;
  if (container?.podName) return printable(container.podName.replace(/^default\//, ''));
  return podUid === undefined ? '-' : `pod ${podUid}`;
}

export function containerName(container: Container | undefined): string {
  if (!container) return '-';
  return (
    (container.name && printable(container.name)) ?? `${container.runtime}:${printable(container.id.slice(0, 12))}`
  );
}

/** What a process of the host belongs to: a Pod, a container, a cluster, a package, a unit. */
function ownerName(process: Process): string {
  const { role, cmdline, unit } = process;
  const container = process.container ?? process.watches;
  if (container) return container.podUid !== undefined || container.pod ? podName(container) : container.runtime;
  if (role === 'vitrine') return printable(cmdline[0] ?? 'vitrine').replace(': ', ' ');
  return printable(process.package ?? unit ?? '-');
}

/** '[DD-]HH:MM:SS' (ps(1), TIME). */
export function cpuTime(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  const days = Math.floor(whole / 86_400);
  const clock = [Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60].map(two).join(':');
  return days > 0 ? `${two(days)}-${clock}` : clock;
}

/** '17:04' today, 'Nov23' this year, else '2025' (ps(1), STIME). */
export function startTime(startedAtMs: number, nowMs: number): string {
  const started = new Date(startedAtMs);
  const now = new Date(nowMs);
  if (started.toDateString() === now.toDateString()) return started.toTimeString().slice(0, 5);
  if (started.getFullYear() !== now.getFullYear()) return String(started.getFullYear());
  return `${started.toString().slice(4, 7)}${String(started.getDate()).padStart(2, '0')}`;
}

/** As `ps aux` writes them: the time of day within the last 24 hours, else the date; minutes and seconds. */
function bsdStartTime(startedAtMs: number, nowMs: number): string {
  const started = new Date(startedAtMs);
  if (nowMs - startedAtMs < 86_400_000) return started.toTimeString().slice(0, 5);
  return `${started.toString().slice(4, 7)}${String(started.getDate()).padStart(2, '0')}`;
}

function bsdCpuTime(total: number): string {
  return `${Math.floor(total / 60)}:${String(Math.floor(total) % 60).padStart(2, '0')}`;
}

/** Rows under their titles, as wide as needed; the last column runs on. */
export function renderColumns(chosen: Column[], rows: Row[], snapshot: Snapshot): string[] {
  const cells = [chosen.map(({ title }) => title), ...rows.map((row) => chosen.map((c) => c.value(row, snapshot)))];
  const widths = chosen.map((_, i) => cells.reduce((width, row) => Math.max(width, row[i]!.length), 0));
  return cells.map((row) =>
    row
      .map((cell, i) => {
        if (i === chosen.length - 1) return cell;
        return chosen[i]!.align === 'right' ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!);
      })
      .join(' ')
      .trimEnd(),
  );
}
