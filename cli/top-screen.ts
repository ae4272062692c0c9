import { printable } from '../src/inspect/printable.ts';
import { size } from '../src/inspect/size.ts';
import type { TopState } from '../src/inspect/top/keys.ts';
import type { TopRow } from '../src/inspect/top/rows.ts';
import { cpuTime } from './process-columns.ts';
import type { Style } from './style.ts';

export interface ScreenInput {
  state: TopState;
  rows: TopRow[];
  host: {
    name: string;
    cpus: number;
    processes: number;
    threads: number;
    cpuPercent: number;
    memoryBytes: number;
    memoryAvailableBytes: number;
    loadAverage: number[];
  };
  columns: number;
  lines: number;
}

/** Lines above the rows. */
export const headLines = 4;

/** The whole screen as lines, each at most as wide as the terminal. Pure. */
export function topScreen({ state, rows, host, columns, lines }: ScreenInput, style: Style): string[] {
  if (state.help) return helpText.map((line) => line.slice(0, columns));
  const where = state.path.map(({ name }) => printable(name).slice(0, 40)).join(' › ');
  const what = state.threadsOf === undefined ? state.level : `threads of ${state.threadsOf}`;
  const used = host.memoryBytes - host.memoryAvailableBytes;
  const head = [
    `${host.name}   load ${host.loadAverage.map((value) => value.toFixed(2)).join(' ')}   ${host.processes} processes, ${host.threads} threads`,
    `cpu ${host.cpuPercent.toFixed(0).padStart(4)} % of ${host.cpus * 100}   memory ${size(used)} of ${size(host.memoryBytes)}${state.paused ? '   PAUSED' : ''}`,
    `${what}${where ? ` in ${where}` : ''}, by ${state.sort}${state.filter || state.typing ? `, filter: ${state.filter}${state.typing ? '_' : ''}` : ''}`,
  ];
  const isProcess = state.level === 'processes';
  const title = isProcess
    ? '    PID USER     S   %CPU      RSS  NLWP      TIME COMMAND'
    : ' PROCS   NLWP   %CPU      RSS      TIME NAME';
  const room = Math.max(1, lines - headLines - 1);
  const at = Math.max(
    0,
    rows.findIndex(({ key }) => key === state.selected),
  );
  const first = Math.max(0, Math.min(at - Math.floor(room / 2), rows.length - room));
  const body = rows.slice(first, first + room).map((row, i) => {
    const line = (isProcess ? processLine(row) : groupLine(row)).slice(0, columns).padEnd(columns);
    return first + i === at ? `\x1b[7m${line}\x1b[0m` : line;
  });
  if (rows.length === 0) body.push('  none');
  const footer = `${rows.length} lines   Enter in, Esc out, v view, s sort, / filter, ? help, q quit`;
  return [
    ...head.map((line, i) =>
      i === 2 ? style.kind(printable(line).slice(0, columns)) : printable(line).slice(0, columns),
    ),
    style.name(title.slice(0, columns)),
    ...body,
    ...Array.from({ length: room - body.length }, () => ''),
    style.dim(footer.slice(0, columns)),
  ];
}

function processLine({
  pid = 0,
  user = '',
  state = '',
  cpuPercent,
  rssBytes,
  threads,
  cpuSeconds,
  name,
}: TopRow): string {
  return `${String(pid).padStart(7)} ${user.slice(0, 8).padEnd(8)} ${state} ${cpuPercent.toFixed(1).padStart(6)} ${size(rssBytes).padStart(8)} ${String(threads).padStart(5)} ${cpuTime(cpuSeconds).padStart(9)} ${printable(name)}`;
}

function groupLine({ processes, threads, cpuPercent, rssBytes, cpuSeconds, name }: TopRow): string {
  return `${String(processes).padStart(6)} ${String(threads).padStart(6)} ${cpuPercent.toFixed(1).padStart(6)} ${size(rssBytes).padStart(8)} ${cpuTime(cpuSeconds).padStart(9)} ${printable(name)}`;
}

const helpText = [
  'vitrine top',
  '',
  '  up down j k      move         PgUp PgDn g G   further',
  '  Enter            into: Pod, container, processes, threads',
  '  Esc, Backspace   out',
  '  v, Tab           Pods, containers, systemd units, processes',
  '  s                next order   c m t T n       cpu, memory, threads, time, name',
  '  /                filter; Enter keeps it, Esc clears it',
  '  Space            pause        q               quit',
  '',
  'any key goes back',
];
