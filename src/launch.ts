import fs from 'node:fs';
import path from 'node:path';
import { UserError } from './base/errors.ts';
import { type ClusterConfig, readClusterConfig, type ServerOptions } from './cluster-config.ts';
import type { KubeletConfigurationFile } from './kubelet/configuration.ts';
import { keepFlags, readKubeletConfig } from './kubelet-config.ts';
import {
  type Daemon,
  type DaemonReport,
  ownProgram,
  readPidFile,
  settled,
  shutdownSignal,
  startDaemon,
  startTimeOf,
  stopDaemon,
} from './linux/daemon.ts';
import { checkLinux } from './linux/preflight.ts';
import { type ClusterPaths, clusterPaths } from './paths.ts';

/** The two long-lived processes of a cluster, by the name of their command. */
export type ComponentName = 'server' | 'agent';

export interface ClusterState {
  paths: ClusterPaths;
  /** Absent: no such cluster. */
  config: ClusterConfig | undefined;
  server: Daemon | undefined;
  agent: Daemon | undefined;
}

export interface StartResult {
  config: ClusterConfig;
  alreadyRunning: boolean;
  /** It ran, and its processes were replaced by those of this program; the containers went on. */
  upgraded: boolean;
  /** Milliseconds from the call until the API answered. */
  apiMs: number;
  /** Milliseconds from the call until the node was Ready. */
  nodeMs: number;
}

/** What is known of a cluster without asking its API. */
export function clusterState(name: string): ClusterState {
  const paths = clusterPaths(name);
  return {
    paths,
    config: readClusterConfig(paths),
    server: readPidFile(pidFile(paths, 'server')),
    agent: readPidFile(pidFile(paths, 'agent')),
  };
}

/**
 * Starts whichever of the two processes is not running, or runs another build than ours, and waits until the API answers
 * and the node is Ready. Containers go on meanwhile.
 */
export async function startCluster(
  name: string,
  options: ServerOptions & { kubelet?: KubeletConfigurationFile } = {},
): Promise<StartResult> {
  const began = performance.now();
  const { paths, ...state } = clusterState(name);
  const found = { server: await settled(state.server), agent: await settled(state.agent) };
  const elapsed = () => performance.now() - began;
  const { kubelet = {} } = options;
  keepFlags(paths, kubelet);
  const upgraded = isOutdated(found.server) || isOutdated(found.agent);
  // A node that runs takes a new configuration only when it starts.
  const configured = Object.keys(kubelet).length > 0;
  // Nor does a server.
  const flagged = Object.keys(options.apiServerFlags ?? {}).length > 0;
  const [server, agent] = await Promise.all([
    keepUnless(isOutdated(found.server) || flagged, found.server),
    keepUnless(isOutdated(found.agent) || configured, found.agent),
  ]);
  // The node process looks, too; a host that cannot run it should not get a cluster's files first.
  if (!agent) await checkLinux();
  const starting = {
    server: server ? undefined : start(paths, 'server', serverFlags(options)),
    agent: agent ? undefined : start(paths, 'agent', []),
  };
  try {
    const api = Promise.resolve(starting.server?.report).then((report) => ({ report, ms: elapsed() }));
    const node = Promise.resolve(starting.agent?.report).then((report) => ({ report, ms: elapsed() }));
    const failedNode = node.then(({ report }) => (report?.error ? requireReady('agent', report, paths) : undefined));
    const apiResult = await Promise.race([api, failedNode.then(() => api)]);
    requireReady('server', apiResult.report, paths);
    const nodeResult = await node;
    requireReady('agent', nodeResult.report, paths);
    const config = readClusterConfig(paths) as ClusterConfig;
    const alreadyRunning = !starting.server && !starting.agent;
    return { config, alreadyRunning, upgraded, apiMs: apiResult.ms, nodeMs: nodeResult.ms };
  } catch (error) {
    // What we started does not stay behind half-way.
    for (const component of ['agent', 'server'] as const) {
      // By its pid: it may not have come to write its file.
      const pid = starting[component]?.pid;
      const startTime = pid ? startTimeOf(pid) : undefined;
      if (pid && startTime !== undefined) await stopDaemon({ pid, startTime }, 2000);
      if (pid) fs.rmSync(pidFile(paths, component), { force: true });
    }
    throw error;
  }
}

/** Whether a process runs another build than this one. */
function isOutdated(daemon: Daemon | undefined): boolean {
  return daemon?.program !== undefined && daemon.program !== ownProgram();
}

async function keepUnless(condition: boolean, daemon: Daemon | undefined): Promise<Daemon | undefined> {
  if (!daemon || !condition) return daemon;
  await stopDaemon(daemon, 5000);
  return undefined;
}

/** Starts the node process anew; containers go on, and what belongs to nobody is removed. */
export async function restartNode(name: string): Promise<void> {
  await keepUnless(true, clusterState(name).agent);
  await startCluster(name);
}

/** Ends both processes; containers are not touched, unless the node is to shut down gracefully and has time for it. */
export async function stopProcesses(name: string, { graceful = false } = {}): Promise<void> {
  const { paths, agent } = clusterState(name);
  if (graceful && agent) await shutDownNode(paths, agent);
  for (const file of [pidFile(paths, 'agent'), ...serverPidFiles(paths)]) {
    const daemon = readPidFile(file);
    if (daemon) await stopDaemon(daemon, 5000);
    fs.rmSync(file, { force: true });
  }
}

async function shutDownNode(paths: ClusterPaths, agent: Daemon): Promise<void> {
  const periods = readKubeletConfig(paths).shutdownGracePeriods;
  const seconds = periods.reduce((sum, { shutdownGracePeriodSeconds }) => sum + shutdownGracePeriodSeconds, 0);
  if (seconds > 0) await stopDaemon(agent, seconds * 1000 + 5000, shutdownSignal);
}

/** The servers of the cluster that run beside its first (`vitrine server --replica`), by their names. */
export function replicaServers(name: string): { replica: string; daemon: Daemon }[] {
  return serverPidFiles(clusterPaths(name)).flatMap((file) => {
    const replica = /^server-(.+)\.pid$/.exec(path.basename(file))?.[1];
    const daemon = replica ? readPidFile(file) : undefined;
    return replica && daemon ? [{ replica, daemon }] : [];
  });
}

/** `replica`: which of several servers of the cluster. */
export function pidFile(paths: ClusterPaths, component: ComponentName, replica?: string): string {
  return path.join(paths.run, replica ? `${component}-${replica}.pid` : `${component}.pid`);
}

/** Of all servers of the cluster. */
function serverPidFiles(paths: ClusterPaths): string[] {
  if (!fs.existsSync(paths.run)) return [];
  const names = fs.readdirSync(paths.run).filter((name) => /^server(-.+)?\.pid$/.test(name));
  return names.map((name) => path.join(paths.run, name));
}

/** The options of `vitrine server` that say the same. */
function serverFlags({ apiPort, datastore, apiServerFlags = {} }: ServerOptions): string[] {
  const flags = {
    'api-port': apiPort && String(apiPort),
    datastore: datastore?.endpoints.join(),
    'datastore-cafile': datastore?.caFile,
    'datastore-certfile': datastore?.certFile,
    'datastore-keyfile': datastore?.keyFile,
  };
  return [
    ...Object.entries(flags).flatMap(([name, value]) => (value ? [`--${name}`, value] : [])),
    ...Object.entries(apiServerFlags).flatMap(([name, values]) => values.map((value) => `--${name}=${value}`)),
  ];
}

function start(paths: ClusterPaths, component: ComponentName, extra: string[]): ReturnType<typeof startDaemon> {
  return startDaemon({
    command: [
      process.execPath,
      ...process.execArgv,
      ...heapFlags[component],
      ...profilingFlags(),
      process.argv[1] as string,
      component,
      '--name',
      paths.name,
      ...extra,
    ],
    logFile: path.join(paths.logs, `${component}.log`),
  });
}

/**
 * A small young generation keeps resident memory low. The control plane makes garbage faster, and what it still holds
 * when the young generation is collected is copied: with 4 MiB that takes a tenth of its time while Pods start. So small a
 * one is collected by one thread with less effort than by several (a twentieth of the CPU of creates).
 */
const heapFlags: Record<ComponentName, string[]> = {
  server: ['--max-semi-space-size=8', '--no-parallel-scavenge'],
  agent: ['--max-semi-space-size=4'],
};

/** For profiles of the two processes: VITRINE_NODE_FLAGS='--cpu-prof --cpu-prof-dir=/tmp/profiles' vitrine up. */
function profilingFlags(): string[] {
  return process.env.VITRINE_NODE_FLAGS?.split(' ').filter(Boolean) ?? [];
}

function requireReady(component: ComponentName, report: DaemonReport | undefined, paths: ClusterPaths): void {
  if (!report || report.ready) return;
  throw new UserError(report.error ?? `${component} did not start`, {
    hint: report.hint ?? `see ${path.join(paths.logs, `${component}.log`)}`,
  });
}
