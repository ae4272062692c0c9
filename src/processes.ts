import fs from 'node:fs';
import path from 'node:path';
import { UserError } from './base/errors.ts';
import { type Daemon, type DaemonReport, ownProgram, startDaemon, startTimeOf, stopDaemon } from './linux/daemon.ts';
import type { ClusterPaths } from './paths.ts';

/** The two long-lived processes of a cluster, by the name of their command. */
export type ComponentName = 'server' | 'agent';

/** `replica`: which of several servers of the cluster. */
export function pidFile(paths: ClusterPaths, component: ComponentName, replica?: string): string {
  return path.join(paths.run, replica ? `${component}-${replica}.pid` : `${component}.pid`);
}

/** Starts a process in the background. */
export function startProcess(
  paths: ClusterPaths,
  component: ComponentName,
  extra: string[] = [],
): ReturnType<typeof startDaemon> {
  return startDaemon({
    command: commandOf(paths, component, extra),
    logFile: path.join(paths.logs, `${component}.log`),
  });
}

/** Starts the process of a node, the first one or a further one. */
export const agentCommand = (paths: ClusterPaths): string[] =>
  commandOf(paths, 'agent', paths.node ? ['--node', paths.node] : []);

function commandOf(paths: ClusterPaths, component: ComponentName, extra: string[]): string[] {
  return [
    process.execPath,
    ...process.execArgv,
    ...heapFlags[component],
    ...profilingFlags(),
    process.argv[1] as string,
    component,
    '--name',
    paths.name,
    ...extra,
  ];
}

/**
 * A small young generation keeps resident memory low. The control plane makes garbage faster, and what it still holds
 * when the young generation is collected is copied: with 4 MiB that takes a tenth of its time while Pods start. So small a
 * one is collected by one thread with less effort than by several (a twentieth of the CPU of creates). It keeps its bytecode,
 * 2 MiB: the collection that gives memory back when it is quiet would drop it, and the first requests after it wait for it.
 */
const heapFlags: Record<ComponentName, string[]> = {
  server: ['--max-semi-space-size=8', '--no-parallel-scavenge', '--no-flush-bytecode'],
  agent: ['--max-semi-space-size=4'],
};

/** For profiles of the two processes: VITRINE_NODE_FLAGS='--cpu-prof --cpu-prof-dir=/tmp/profiles' vitrine up. */
function profilingFlags(): string[] {
  return process.env.VITRINE_NODE_FLAGS?.split(' ').filter(Boolean) ?? [];
}

export function requireReady(component: ComponentName, report: DaemonReport | undefined, paths: ClusterPaths): void {
  if (!report || report.ready) return;
  throw new UserError(report.error ?? `${component} did not start`, {
    hint: report.hint ?? `see ${path.join(paths.logs, `${component}.log`)}`,
  });
}

/** Ends a process that has just been started: by its pid, as it may not have come to write its file. */
export async function stopStarted(paths: ClusterPaths, component: ComponentName, pid: number): Promise<void> {
  const startTime = startTimeOf(pid);
  if (startTime !== undefined) await stopDaemon({ pid, startTime }, 2000);
  fs.rmSync(pidFile(paths, component), { force: true });
}

/** Whether a process runs another build than this one. */
export function isOutdated(daemon: Daemon | undefined): boolean {
  return daemon?.program !== undefined && daemon.program !== ownProgram();
}

/** The process, unless the condition holds: then it is stopped. */
export async function keepUnless(condition: boolean, daemon: Daemon | undefined): Promise<Daemon | undefined> {
  if (!daemon || !condition) return daemon;
  await stopDaemon(daemon, 5000);
  return undefined;
}
