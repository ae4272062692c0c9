import fs from 'node:fs';
import path from 'node:path';
import { type ClusterConfig, readClusterConfig, type ServerOptions } from './cluster-config.ts';
import type { WantedNodes } from './further-nodes.ts';
import type { KubeletConfigurationFile } from './kubelet/configuration.ts';
import { keepFlags, readKubeletConfig } from './kubelet-config.ts';
import { type Daemon, readPidFile, settled, shutdownSignal, stopDaemon } from './linux/daemon.ts';
import { checkLinux } from './linux/preflight.ts';
import { claimant } from './machine-claims.ts';
import { withMachineLock } from './machine-lock.ts';
import { type JoinRequest, readJoinRequest } from './node-config.ts';
import { allNodePaths, type ClusterPaths, clusterPaths, nodeNames } from './paths.ts';
import {
  type ComponentName,
  isOutdated,
  keepUnless,
  pidFile,
  requireReady,
  startProcess,
  stopStarted,
} from './processes.ts';

export interface ClusterState {
  paths: ClusterPaths;
  /** Absent: no such cluster. */
  config: ClusterConfig | undefined;
  server: Daemon | undefined;
  agent: Daemon | undefined;
  /** Of a machine that has joined a cluster whose control plane is elsewhere. */
  joined: JoinRequest | undefined;
}

export interface StartResult {
  config: ClusterConfig;
  alreadyRunning: boolean;
  /** It ran, and its processes were replaced by those of this program; the containers went on. */
  upgraded: boolean;
  /** Milliseconds from the call until the API answered. */
  apiMs: number;
  /** Milliseconds from the call until all nodes were Ready. */
  nodeMs: number;
  /** How many run. */
  nodes: number;
  /** Names of those that were not there before. */
  added: string[];
  /** Why further nodes do not run, without which the cluster goes on. */
  failure?: unknown;
}

export interface StartOptions extends ServerOptions, WantedNodes {
  kubelet?: KubeletConfigurationFile;
}

/** What is known of a cluster without asking its API. */
export function clusterState(name: string): ClusterState {
  const paths = clusterPaths(name);
  return {
    paths,
    config: readClusterConfig(paths),
    server: readPidFile(pidFile(paths, 'server')),
    agent: readPidFile(pidFile(paths, 'agent')),
    joined: readJoinRequest(paths),
  };
}

/**
 * Starts whichever of the cluster's processes is not running, or runs another build than ours, and waits until the API
 * answers and the nodes are Ready. Containers go on meanwhile. If the server or the first node fails, what was started is
 * stopped and what was added is removed; the cluster goes on without a further node that fails.
 */
export const startCluster = (name: string, options: StartOptions = {}): Promise<StartResult> =>
  oneAtATime(name, () => start(name, options));

/** Whoever starts it at the same moment finds it running. */
const oneAtATime = <T>(name: string, work: () => Promise<T>): Promise<T> =>
  withMachineLock(`start ${claimant(clusterPaths(name).state)}`, work);

async function start(name: string, options: StartOptions): Promise<StartResult> {
  const began = performance.now();
  const { paths, ...state } = clusterState(name);
  const found = { server: await settled(state.server), agent: await settled(state.agent) };
  const elapsed = () => performance.now() - began;
  const { kubelet = {} } = options;
  for (const node of allNodePaths(paths)) keepFlags(node, kubelet);
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
    server: server ? undefined : startProcess(paths, 'server', serverFlags(options)),
    agent: agent ? undefined : startProcess(paths, 'agent'),
  };
  const ready = async (component: ComponentName) => {
    requireReady(component, await starting[component]?.report, paths);
    return elapsed();
  };
  let further: Promise<FurtherStart> | undefined;
  try {
    const [api, node] = [ready('server'), ready('agent')];
    const apiMs = await Promise.race([api, node.then(() => api)]);
    const config = readClusterConfig(paths) as ClusterConfig;
    further = startFurther(config, paths, { wanted: options, anew: configured, first: node });
    const nodeMs = await node;
    const { started, ...others } = await further;
    return {
      config,
      alreadyRunning: !starting.server && !starting.agent && started === 0,
      upgraded,
      apiMs,
      nodeMs: started > 0 ? elapsed() : nodeMs,
      nodes: allNodePaths(paths).filter((own) => readPidFile(pidFile(own, 'agent'))).length,
      ...others,
    };
  } catch (error) {
    // What we started does not stay behind half-way.
    await further;
    for (const component of ['agent', 'server'] as const) {
      const pid = starting[component]?.pid;
      if (pid) await stopStarted(paths, component, pid);
    }
    throw error;
  }
}

/** Starts, or goes on with, the one process of a machine that has joined a cluster elsewhere. */
export const startJoined = (name: string, kubelet: KubeletConfigurationFile = {}): Promise<void> =>
  oneAtATime(name, async () => {
    const { paths, agent } = clusterState(name);
    keepFlags(paths, kubelet);
    const found = await settled(agent);
    if (await keepUnless(isOutdated(found) || Object.keys(kubelet).length > 0, found)) return;
    requireReady('agent', await startProcess(paths, 'agent').report, paths);
  });

interface FurtherStart extends Pick<StartResult, 'added' | 'failure'> {
  /** How many are Ready that did not run. */
  started: number;
}

/** Never rejects. */
async function startFurther(
  config: ClusterConfig,
  paths: ClusterPaths,
  { wanted, ...how }: { wanted: WantedNodes; anew: boolean; first: Promise<unknown> },
): Promise<FurtherStart> {
  const { nodes = 1, moreNodes = 0 } = wanted;
  if (nodes === 1 && moreNodes === 0 && nodeNames(paths).length === 0) return { started: 0, added: [] };
  const { addNodes, failureOf, startFurtherNodes } = await import('./further-nodes.ts');
  const added: string[] = [];
  try {
    added.push(...(await addNodes(paths, wanted)));
    const starts = await startFurtherNodes(paths, config, how);
    const failed = starts.filter(({ error }) => error);
    const failure = failed.length > 0 ? failureOf(failed, added, config.name) : undefined;
    if (failed.some(({ name }) => added.includes(name))) throw failure;
    return { started: starts.length - failed.length, added, failure };
  } catch (failure) {
    // The failure is what to tell. A node that could not be removed is tried again by the next start.
    await removeNodes(config, paths, added).catch(() => {});
    return { started: 0, added: [], failure };
  }
}

async function removeNodes(config: ClusterConfig, paths: ClusterPaths, names: string[]): Promise<void> {
  const [{ furtherNodes }, { removeNode }, { withAdmin }] = await Promise.all([
    import('./further-nodes.ts'),
    import('./cluster.ts'),
    import('./admin-access.ts'),
  ]);
  const condemned = furtherNodes(paths).filter(({ name }) => names.includes(name));
  await withAdmin(paths, config, async (client) => {
    for (const node of condemned) await removeNode(clusterState(config.name), node, { client, force: true });
  });
}

/** Starts the node processes anew; containers go on, and what belongs to nobody is removed. */
export async function restartNodes(name: string): Promise<void> {
  const paths = clusterPaths(name);
  for (const node of allNodePaths(paths)) await stopAgent(node);
  const { failure } = await startCluster(name);
  if (failure) throw failure;
}

/** Ends all processes; containers are not touched, unless the nodes are to shut down gracefully and have time for it. */
export async function stopProcesses(name: string, { graceful = false } = {}): Promise<void> {
  const paths = clusterPaths(name);
  await Promise.all(allNodePaths(paths).map((node) => stopAgent(node, { graceful })));
  for (const file of serverPidFiles(paths)) await stopByPidFile(file);
}

/** Ends the process of one node. */
export async function stopAgent(paths: ClusterPaths, { graceful = false } = {}): Promise<void> {
  const file = pidFile(paths, 'agent');
  const agent = readPidFile(file);
  if (graceful && agent) await shutDownNode(paths, agent);
  await stopByPidFile(file);
}

async function stopByPidFile(file: string): Promise<void> {
  const daemon = readPidFile(file);
  if (daemon) await stopDaemon(daemon, 5000);
  fs.rmSync(file, { force: true });
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

/** Of all servers of the cluster. */
function serverPidFiles(paths: ClusterPaths): string[] {
  if (!fs.existsSync(paths.run)) return [];
  const names = fs.readdirSync(paths.run).filter((name) => /^server(-.+)?\.pid$/.test(name));
  return names.map((name) => path.join(paths.run, name));
}

/** The options of `vitrine server` that say the same. */
function serverFlags({ apiPort, datastore, nodeAddress, apiServerFlags = {} }: ServerOptions): string[] {
  const flags = {
    'api-port': apiPort && String(apiPort),
    datastore: datastore?.endpoints.join(),
    'datastore-cafile': datastore?.caFile,
    'datastore-certfile': datastore?.certFile,
    'datastore-keyfile': datastore?.keyFile,
    'node-address': nodeAddress,
  };
  return [
    ...Object.entries(flags).flatMap(([name, value]) => (value ? [`--${name}`, value] : [])),
    ...Object.entries(apiServerFlags).flatMap(([name, values]) => values.map((value) => `--${name}=${value}`)),
  ];
}
