import { printable } from '../src/inspect/printable.ts';
import { cpuPercent } from '../src/inspect/select-processes.ts';
import type { Container, Process, Snapshot, Thread } from '../src/inspect/snapshot.ts';

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

/** Every column by its name; ps(1)'s names where it has them. */
export const columns = {
  pid: right('PID', ({ process }) => String(process.pid)),
  ppid: right('PPID', ({ process }) => String(process.ppid)),
  lwp: right('LWP', ({ process, thread }) => String(thread?.tid ?? process.pid)),
  nlwp: right('NLWP', ({ process }) => String(process.threadCount)),
  user: left('USER', ({ process }) => process.user),
  state: left('S', (row) => ticks(row).state),
  processor: right('PSR', (row) => String(ticks(row).processor)),
  cpu: right('%CPU', (row, { host }) => cpuPercent(ticks(row), host.uptimeMs).toFixed(1)),
  memory: right('%MEM', ({ process }, { host }) => ((process.rssBytes * 100) / host.memoryBytes).toFixed(1)),
  rss: right('RSS', ({ process }) => String(Math.round(process.rssBytes / 1024))),
  start: left('STIME', ({ process }, snapshot) => startTime(process.startedAtMs, snapshot.takenAtMs)),
  time: right('TIME', (row) => cpuTime((ticks(row).userTicks + ticks(row).systemTicks) / 100)),
  namespace: left('NAMESPACE', ({ process }) => process.container?.pod?.namespace ?? '-'),
  pod: left('POD', ({ process }) => podName(process.container)),
  container: left('CONTAINER', ({ process }) => containerName(process.container)),
  owner: left('POD/UNIT', ({ process }) => ownerName(process)),
  /** Beside `owner`: of a monitor the container that it watches. */
  member: left('CONTAINER', ({ process }) =>
    process.role === 'monitor' ? `monitor of ${containerName(process.watches)}` : containerName(process.container),
  ),
  image: left('IMAGE', ({ process }) => process.container?.image ?? '-'),
  thread: left('THREAD', ({ process, thread }) => printable((thread ?? process).comm)),
  command: left('COMMAND', ({ process, prefix }) => prefix + commandLine(process)),
} satisfies Record<string, Column>;

/** As ps shows it: the arguments, or the name in brackets where there are none; zombies marked. */
export function commandLine({ cmdline, comm, state }: Process): string {
  if (state === 'Z') return `[${printable(comm)}] <defunct>`;
  return cmdline.length > 0 ? printable(cmdline.join(' ').replace(/ +$/, '')) : `[${printable(comm)}]`;
}

/** 'name', or 'namespace/name' outside the namespace 'default'. */
export function podName(container: Container | undefined): string {
  const { pod, podUid } = container ?? {};
  if (pod) return pod.namespace === 'default' ? pod.name : `${pod.namespace}/${pod.name}`;
  return podUid === undefined ? '-' : `pod ${podUid}`;
}

export function containerName(container: Container | undefined): string {
  if (!container) return '-';
  return container.name ?? `${container.runtime}:${printable(container.id.slice(0, 12))}`;
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
