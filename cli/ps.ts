import { UserError } from '../src/base/errors.ts';
import { plural } from '../src/inspect/plural.ts';
import { forest, type ProcessFilter, selectProcesses, sortProcesses } from '../src/inspect/select-processes.ts';
import { type Process, readSnapshot, type Snapshot } from '../src/inspect/snapshot.ts';
import { clusterClient } from './access.ts';
import type { Command, Invocation, Output } from './command.ts';
import { columnsOfObjects, commandLine, containerName, podName, type Row, renderColumns } from './process-columns.ts';
import { processesJson } from './process-json.ts';
import { chooseColumns, type PsRequest, readRequest } from './ps-request.ts';
import { intervalOption, showJson, showView, watchOptions } from './watch-view.ts';

export const command: Command = {
  options: {
    all: { type: 'boolean', short: 'A' },
    every: { type: 'boolean', short: 'e' },
    full: { type: 'boolean', short: 'f' },
    forest: { type: 'boolean', short: 'H' },
    threads: { type: 'boolean', short: 'L' },
    count: { type: 'boolean' },
    details: { type: 'boolean' },
    namespace: { type: 'string', short: 'n' },
    selector: { type: 'string', short: 'l' },
    pod: { type: 'string' },
    pid: { type: 'string', short: 'p', multiple: true },
    user: { type: 'string', short: 'u', multiple: true },
    command: { type: 'string', short: 'C', multiple: true },
    sort: { type: 'string' },
    output: { type: 'string', short: 'o', multiple: true },
    ...watchOptions,
  },
  help: `
Shows the processes of the cluster's Pods, as ps does, with their Pod and container.

  -A, -e                 all processes of the host: of Pods, of other runtimes, of systemd units
  -f                     children under their parents; with -e or -A the columns of 'ps -ef'
  -H, --forest           children under their parents, with any columns
  -L                     one line a thread
      --count            threads of each process: what ps -eLf | awk '{print $2}' | sort -n | uniq -c prints
                         for these processes, with Pod, container and command beside it, and the totals
  -n, --namespace NS     Pods of one namespace
  -l, --selector LABELS  Pods with these labels: app=httpd,tier!=cache
      --pod NAME         one Pod
  -p, --pid PID,...      these processes
  -u, --user USER,...    of these users (names or numbers, of the host)
  -C NAME,...            whose kernel's name is this
      --sort=KEY,...     pid, rss, vsz, %cpu, threads, time, start, user, comm, pod; --sort=-KEY for the largest first
  -o, --output wide      more columns
  -o, --output json      for programs; docs/json.md has the schema. With --details also each process's executable,
                         directory, open files and their limit, PSS, …
  -o, --output COL,...   these columns: ps's pid ppid pgid sid user uid s stat tty ni pri psr %cpu %mem vsz rss stime
                         lstart etimes time args comm cgroup wchan, those that cost a look into each process: pss swap
                         exe cwd files maxfiles, namespaces: mntns netns pidns ipcns utsns userns cgroupns, and what
                         only this ps knows: pod container image runtime namespace workload service unit role ipid
      --watch            again every 2 seconds (-d SECONDS) until ^C

RSS, VSZ and PSS are in KiB; TIME is CPU time; a Pod outside the namespace default is shown as NAMESPACE/NAME. What
fingers know works: 'vitrine ps aux', 'ps axf', 'ps -ef', 'ps -eLf', 'ps 4711'. -A works without a cluster.
The exit code is 1 when no process matches.

examples:
  vitrine ps -f --pod httpd-deployment-7d4f8b6c9-x2x7k
  vitrine ps --count -l app=httpd
  vitrine ps aux --sort=-rss
  vitrine ps -o pid,pss,files,maxfiles,service,pod,args`,
  run: async (invocation) => {
    const request = readRequest(invocation);
    const client = connect(invocation.name, request.filter);
    const objects = request.columns?.some((column) => columnsOfObjects.has(column)) ? 'all' : 'pods';
    try {
      return await showView(invocation, intervalOption(invocation), async (out) => {
        const snapshot = await readSnapshot({ threads: request.threads, ...(client && { client, objects }) });
        const chosen = selectProcesses(snapshot, request.filter);
        show(invocation, out, request, snapshot, sortProcesses(chosen, request.sort, snapshot.host.uptimeMs));
        if (request.json || chosen.length > 0) return undefined;
        out.note('no process matches');
        return { code: 1 };
      });
    } finally {
      client?.close();
    }
  },
};

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

function show(invocation: Invocation, out: Output, request: PsRequest, snapshot: Snapshot, processes: Process[]): void {
  if (request.json) showJson(invocation, out, processesJson(snapshot, processes, request));
  else if (request.count) showCount(out.line, processes);
  else showTable(out, request, snapshot, processes);
}

function showTable(out: Output, request: PsRequest, snapshot: Snapshot, processes: Process[]): void {
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
  line(`total: ${plural(processes.length, 'process')}, ${plural(threads, 'thread')}, ${plural(pods.size, 'Pod')}`);
}
