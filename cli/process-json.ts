import { type Container, type Process, readDetails, readPss, type Snapshot } from '../src/inspect/snapshot.ts';
import { ttyName } from '../src/linux/tty-name.ts';

/** What `vitrine ps -o json` prints; docs/json.md is its description. Fields are added, never renamed or removed. */
export function processesJson(
  snapshot: Snapshot,
  processes: Process[],
  { threads, details }: { threads: boolean; details: boolean },
) {
  return {
    schema: 'vitrine/processes/v1',
    takenAt: new Date(snapshot.takenAtMs).toISOString(),
    host: snapshot.host.hostname,
    processes: processes.map((process) => ({
      ...processJson(process, threads),
      ...(details && { details: detailsJson(process) }),
    })),
    totals: {
      processes: processes.length,
      threads: processes.reduce((sum, { threadCount }) => sum + threadCount, 0),
    },
  };
}

export function processJson(process: Process, threads: boolean) {
  return {
    pid: process.pid,
    startTicks: process.startTicks,
    startedAt: new Date(process.startedAtMs).toISOString(),
    ppid: process.ppid,
    pgid: process.pgid,
    sid: process.sid,
    tty: ttyName(process.tty) ?? null,
    nice: process.nice,
    kernelThread: process.kernelThread,
    innerPid: process.innerPid,
    user: process.user,
    uid: process.uid,
    name: process.comm,
    command: process.cmdline,
    state: process.state,
    threadCount: process.threadCount,
    rssBytes: process.rssBytes,
    virtualBytes: process.virtualBytes,
    cpuSeconds: (process.userTicks + process.systemTicks) / 100,
    cgroup: process.cgroup,
    namespaces: process.namespaces,
    role: process.role ?? null,
    watches: process.watches?.id ?? null,
    unit: process.unit ?? null,
    package: process.package ?? null,
    container: process.container ? containerJson(process.container) : null,
    ...(threads && {
      threads: (process.threads ?? []).map((thread) => ({
        tid: thread.tid,
        name: thread.comm,
        state: thread.state,
        cpuSeconds: (thread.userTicks + thread.systemTicks) / 100,
        processor: thread.processor,
      })),
    }),
  };
}

/** What costs a look into the process; null where it may not be seen. */
function detailsJson({ pid }: Process) {
  const details = readDetails(pid);
  return {
    executable: details.executable ?? null,
    executableDeleted: details.executableDeleted,
    workingDirectory: details.workingDirectory ?? null,
    root: details.root ?? null,
    openFiles: details.descriptorCount ?? null,
    openFilesLimit: details.descriptorLimit ?? null,
    pssBytes: readPss(pid) ?? null,
    swapBytes: details.swapBytes ?? null,
    oomScore: details.oomScore ?? null,
    oomScoreAdjust: details.oomScoreAdjust ?? null,
    capabilities: details.capabilities ?? null,
    seccomp: details.seccomp ?? null,
    noNewPrivileges: details.noNewPrivileges ?? null,
    readBytes: details.readBytes ?? null,
    writtenBytes: details.writtenBytes ?? null,
  };
}

export function containerJson(container: Container) {
  return {
    id: container.id,
    runtime: container.runtime,
    cluster: container.cluster ?? null,
    name: container.name ?? null,
    image: container.image ?? null,
    podName: container.podName ?? null,
    firstPid: container.first?.pid ?? null,
    monitorPid: container.monitor?.pid ?? null,
    pod: container.pod
      ? { namespace: container.pod.namespace, name: container.pod.name, uid: container.pod.uid }
      : container.podUid === undefined
        ? null
        : { namespace: null, name: null, uid: container.podUid },
  };
}
