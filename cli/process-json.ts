import type { Container, Process, Snapshot } from '../src/inspect/snapshot.ts';

/** What `vitrine ps -o json` prints; docs/json.md is its description. Fields are added, never renamed or removed. */
export function processesJson(snapshot: Snapshot, processes: Process[], threads: boolean) {
  return {
    schema: 'vitrine/processes/v1',
    takenAt: new Date(snapshot.takenAtMs).toISOString(),
    host: snapshot.host.hostname,
    processes: processes.map((process) => processJson(process, threads)),
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
    innerPid: process.innerPid,
    user: process.user,
    uid: process.uid,
    name: process.comm,
    command: process.cmdline,
    state: process.state,
    threadCount: process.threadCount,
    rssBytes: process.rssBytes,
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

export function containerJson(container: Container) {
  return {
    id: container.id,
    runtime: container.runtime,
    cluster: container.cluster ?? null,
    name: container.name ?? null,
    image: container.image ?? null,
    firstPid: container.first?.pid ?? null,
    monitorPid: container.monitor?.pid ?? null,
    pod: container.pod
      ? { namespace: container.pod.namespace, name: container.pod.name, uid: container.pod.uid }
      : container.podUid === undefined
        ? null
        : { namespace: null, name: null, uid: container.podUid },
  };
}
