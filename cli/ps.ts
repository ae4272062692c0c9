import { parseLabelSelector } from '../src/api/selectors.ts';
import { UserError } from '../src/base/errors.ts';
import { printableJson } from '../src/inspect/printable.ts';
import {
  forest,
  type ProcessFilter,
  type SortKey,
  selectProcesses,
  sortKeys,
  sortProcesses,
} from '../src/inspect/select-processes.ts';
import { type Process, readSnapshot, type Snapshot } from '../src/inspect/snapshot.ts';
import { clusterClient } from './access.ts';
import { type Command, type Invocation, listOption, type Output, stringOption, UsageError } from './command.ts';
import {
  type Column,
  columns,
  commandLine,
  containerName,
  podName,
  type Row,
  renderColumns,
} from './process-columns.ts';
import { processesJson } from './process-json.ts';

export const command: Command = {
  options: {
    all: { type: 'boolean', short: 'A' },
    every: { type: 'boolean', short: 'e' },
    forest: { type: 'boolean', short: 'f' },
    threads: { type: 'boolean', short: 'L' },
    count: { type: 'boolean' },
    namespace: { type: 'string', short: 'n' },
    selector: { type: 'string', short: 'l' },
    pod: { type: 'string' },
    pid: { type: 'string', short: 'p', multiple: true },
    user: { type: 'string', short: 'u' },
    sort: { type: 'string' },
    output: { type: 'string', short: 'o' },
  },
  help: `
Shows the processes of the cluster's Pods, as ps does, with their Pod and container.

  -A, -e                 all processes of the host: of Pods, of other runtimes, of systemd units
  -f, --forest           children under their parents
  -L                     one line a thread
      --count            threads of each process: what ps -eLf | awk '{print $2}' | sort -n | uniq -c prints
                         for these processes, with Pod, container and command beside it, and the totals
  -n, --namespace NS     Pods of one namespace
  -l, --selector LABELS  Pods with these labels: app=httpd,tier!=cache
      --pod NAME         one Pod
  -p, --pid PID,...      these processes
  -u, --user USER        of this user (name or number, on the host)
      --sort=KEY         pid, rss, cpu, threads, time or start; --sort=-KEY for the largest first
  -o, --output wide      more columns
  -o, --output json      for programs; docs/json.md has the schema

RSS is in KiB; TIME is CPU time; a Pod outside the namespace default is shown as NAMESPACE/NAME. The words of BSD's ps
are understood: 'vitrine ps aux', 'vitrine ps axf'. -A works without a cluster.

examples:
  vitrine ps -f --pod httpd-deployment-7d4f8b6c9-x2x7k
  vitrine ps --count -l app=httpd
  vitrine ps -A --sort=-rss`,
  run: async (invocation) => {
    const request = readRequest(invocation);
    const client = connect(invocation.name, request.filter);
    try {
      const snapshot = await readSnapshot({ threads: request.threads, ...(client && { client }) });
      const { key, descending } = request.sort;
      const processes = sortProcesses(
        selectProcesses(snapshot, request.filter),
        key,
        descending,
        snapshot.host.uptimeMs,
      );
      show(invocation, request, snapshot, processes);
    } finally {
      client?.close();
    }
    return 0;
  },
};

interface Request {
  filter: ProcessFilter;
  threads: boolean;
  forest: boolean;
  count: boolean;
  wide: boolean;
  json: boolean;
  sort: { key: SortKey; descending: boolean };
}

function readRequest(invocation: Invocation): Request {
  const { values, args, name } = invocation;
  const words = args.join('');
  if (args.some((word) => !/^-?[axefuwlL]+$/.test(word))) throw new UsageError(`unexpected argument "${args[0]}"`);
  const output = stringOption(invocation, 'output');
  if (output !== undefined && output !== 'wide' && output !== 'json')
    throw new UsageError(`--output "${output}": must be wide or json`);
  return {
    filter: { ...podFilter(invocation), cluster: name, all: !!(values.all || values.every || /[axe]/.test(words)) },
    threads: !!values.threads || words.includes('L'),
    forest: !!values.forest || words.includes('f'),
    count: !!values.count,
    wide: output === 'wide' || /[uwl]/.test(words),
    json: output === 'json',
    sort: readSort(stringOption(invocation, 'sort') ?? 'pid'),
  };
}

function podFilter(invocation: Invocation): ProcessFilter {
  const filter: ProcessFilter = {};
  for (const option of ['namespace', 'pod', 'user'] as const) {
    const value = stringOption(invocation, option);
    if (value !== undefined) filter[option] = value;
  }
  const selector = stringOption(invocation, 'selector');
  if (selector !== undefined) filter.selector = readSelector(selector);
  const pids = listOption(invocation, 'pid').flatMap((list) => list.split(/[, ]+/));
  if (pids.length > 0) filter.pids = pids.map(readPid);
  return filter;
}

function readSelector(text: string) {
  try {
    return parseLabelSelector(text);
  } catch (error) {
    throw new UsageError(`--selector: ${(error as Error).message}`);
  }
}

function readPid(text: string): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`--pid "${text}": must be a number`);
  return Number(text);
}

function readSort(text: string): Request['sort'] {
  const key = sortKeys.find((known) => known === text.replace(/^[-+]/, ''));
  if (!key) throw new UsageError(`--sort "${text}": must be one of ${sortKeys.join(', ')}, with - for descending`);
  return { key, descending: text.startsWith('-') };
}

/** Views of the whole host go on without a cluster; those of Pods cannot. */
function connect(name: string, filter: ProcessFilter) {
  try {
    return clusterClient(name);
  } catch (error) {
    const hostView = filter.all || filter.pids;
    const podOnly = filter.namespace !== undefined || filter.pod !== undefined || filter.selector;
    if (error instanceof UserError && hostView && !podOnly) return undefined;
    throw error;
  }
}

function show({ out }: Invocation, request: Request, snapshot: Snapshot, processes: Process[]): void {
  if (request.json) out.line(printableJson(processesJson(snapshot, processes, request.threads)));
  else if (request.count) showCount(out.line, processes);
  else showTable(out, request, snapshot, processes);
}

function showTable(out: Output, request: Request, snapshot: Snapshot, processes: Process[]): void {
  const entries = request.forest ? forest(processes) : processes.map((process) => ({ process, prefix: '' }));
  const rows = request.threads
    ? entries.flatMap(({ process, prefix }): Row[] =>
        (process.threads ?? []).map((thread) => ({ process, thread, prefix })),
      )
    : entries;
  // A terminal line that wraps makes a table unreadable; a pipe gets everything.
  const width = request.wide ? undefined : out.columns;
  for (const line of renderColumns(chooseColumns(request), rows, snapshot)) out.line(line.slice(0, width));
}

function chooseColumns({ filter, threads, wide }: Request): Column[] {
  const c = columns;
  const owner = filter.all || filter.pids ? [c.owner, c.member] : [c.pod, c.container];
  if (wide) {
    const ids = threads ? [c.user, c.pid, c.ppid, c.lwp, c.nlwp, c.processor] : [c.user, c.pid, c.ppid, c.nlwp];
    const last = threads ? [c.thread, c.command] : [c.command];
    return [...ids, c.state, c.cpu, c.memory, c.rss, c.start, c.time, ...owner, c.image, ...last];
  }
  if (threads) return [c.pid, c.lwp, c.nlwp, c.state, c.time, ...owner, c.thread, c.command];
  return [...(filter.all ? [c.user] : []), c.pid, c.nlwp, c.rss, c.time, ...owner, c.command];
}

/** The first two columns are those of `uniq -c` to the blank. */
function showCount(line: (text: string) => void, processes: Process[]): void {
  const podWidth = Math.max(0, ...processes.map(({ container }) => podName(container).length));
  const containerWidth = Math.max(0, ...processes.map(({ container }) => containerName(container).length));
  for (const process of processes) {
    const owner = `${podName(process.container).padEnd(podWidth)}  ${containerName(process.container).padEnd(containerWidth)}`;
    const count = `${String(process.threadCount).padStart(7)} ${String(process.pid).padEnd(7)}`;
    line(`${count}  ${owner}  ${commandLine(process)}`);
  }
  const threads = processes.reduce((sum, { threadCount }) => sum + threadCount, 0);
  const pods = new Set(processes.map(({ container }) => container?.podUid).filter((uid) => uid !== undefined));
  line(`total: ${processes.length} processes, ${threads} threads, ${pods.size} Pods`);
}
