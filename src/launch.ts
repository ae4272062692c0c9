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
import { isOutdated, keepUnless, pidFile, requireReady, startProcess, stopStarted } from './processes.ts';

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
  /** How many there are. */
  nodes: number;
  /** Names of those that were not there before. */
  added: string[];
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
 * answers and the nodes are Ready. Containers go on meanwhile. If any of them fails, what was started is stopped and what was
 * added is removed.
 */
export function startCluster(name: string, options: StartOptions = {}): Promise<StartResult> {
  // Whoever starts it at the same moment finds it running.
  return withMachineLock(`start ${claimant(clusterPaths(name).state)}`, () => start(name, options));
}

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
  const failed = new AbortController();
  let further: Promise<FurtherStart> | undefined;
  try {
    const api = Promise.resolve(starting.server?.report).then((report) => ({ report, ms: elapsed() }));
    const node = Promise.resolve(starting.agent?.report).then((report) => ({ report, ms: elapsed() }));
    const failedNode = node.then(({ report }) => (report?.error ? requireReady('agent', report, paths) : undefined));
    const apiResult = await Promise.race([api, failedNode.then(() => api)]);
    requireReady('server', apiResult.report, paths);
    const config = readClusterConfig(paths) as ClusterConfig;
    further = startFurther(config, paths, { wanted: options, configured, signal: failed.signal });
    further.catch(() => {});
    const nodeResult = await node;
    requireReady('agent', nodeResult.report, paths);
    const { started, added } = await further;
    return {
      config,
      alreadyRunning: !starting.server && !starting.agent && started === 0,
      upgraded,
      apiMs: apiResult.ms,
      nodeMs: started > 0 ? elapsed() : nodeResult.ms,
      nodes: nodeNames(paths).length + 1,
      added,
    };
  } catch (error) {
    // What we started does not stay behind half-way.
    failed.abort();
    await further?.catch(() => {});
    for (const component of ['agent', 'server'] as const) {
      const pid = starting[component]?.pid;
      if (pid) await stopStarted(paths, component, pid);
    }
    throw error;
  }
}

/** Starts, or goes on with, the one process of a machine that has joined a cluster elsewhere. */
export async function startJoined(name: string, kubelet: KubeletConfigurationFile = {}): Promise<void> {
  const { paths, agent } = clusterState(name);
  keepFlags(paths, kubelet);
  const found = await settled(agent);
  if (await keepUnless(isOutdated(found) || Object.keys(kubelet).length > 0, found)) return;
  requireReady('agent', await startProcess(paths, 'agent').report, paths);
}

interface FurtherStart {
  started: number;
  added: string[];
}

async function startFurther(
  config: ClusterConfig,
  paths: ClusterPaths,
  { wanted, configured, signal }: { wanted: WantedNodes; configured: boolean; signal: AbortSignal },
): Promise<FurtherStart> {
  const { nodes = 1, moreNodes = 0 } = wanted;
  if (nodes === 1 && moreNodes === 0 && nodeNames(paths).length === 0) return { started: 0, added: [] };
  const { addNodes, startFurtherNodes } = await import('./further-nodes.ts');
  const added = await addNodes(paths, wanted);
  try {
    return { added, started: await startFurtherNodes(paths, config, { anew: configured, signal }) };
  } catch (error) {
    // The failure is what to tell. A node that could not be removed is tried again by the next start.
    await removeNodes(config, paths, added).catch(() => {});
    throw error;
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
  await startCluster(name);
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
