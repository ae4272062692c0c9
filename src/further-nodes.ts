import fs from 'node:fs';
import path from 'node:path';
import { withAdmin } from './admin-access.ts';
import { addressToNumber, cidrRange, containsAddress, numberToAddress } from './base/cidr.ts';
import { systemClock } from './base/clock.ts';
import { UserError } from './base/errors.ts';
import { errorChain, silentLogger } from './base/log.ts';
import { createBootstrapToken, deleteBootstrapToken } from './bootstrap-token.ts';
import { type ClusterConfig, readClusterConfig } from './cluster-config.ts';
import { type Daemon, readPidFile, settled } from './linux/daemon.ts';
import { openLinux } from './linux/open.ts';
import { withMachineLock } from './machine-lock.ts';
import { type NodePins, NodeSwitch } from './network/node-switch.ts';
import { certificateLifeMs } from './node-certificates.ts';
import { type JoinRequest, readJoinRequest, readNodeConfig, writeJoinRequest } from './node-config.ts';
import { type ClusterPaths, nameOption, nodeNames, nodePaths, nodePins } from './paths.ts';
import { agentCommand, isOutdated, keepUnless, pidFile, requireReady, stopStarted } from './processes.ts';

/**
 * A further node of a cluster on this machine: to itself it is a machine of its own, with a name, an address, links, rules
 * and ports, as its process is born in network and UTS namespaces that are its own.
 */
export interface FurtherNode {
  name: string;
  address: string;
  paths: ClusterPaths;
  pins: NodePins;
  daemon: Daemon | undefined;
}

/** Long enough for a node to start on a busy machine. */
const tokenLifeMs = 10 * 60_000;

/** In the order of their numbers. */
export function furtherNodes(cluster: ClusterPaths): FurtherNode[] {
  return nodeNames(cluster).flatMap((name) => {
    const paths = nodePaths(cluster, name);
    const address = readJoinRequest(paths)?.nodeAddress;
    if (!address) return [];
    return [{ name, address, paths, pins: nodePins(paths), daemon: readPidFile(pidFile(paths, 'agent')) }];
  });
}

/** How many nodes there are to be: so many in all, and so many more than there are. None is removed. */
export interface WantedNodes {
  nodes?: number | undefined;
  moreNodes?: number | undefined;
}

/** Decides on the further nodes that are wanted and not there. Their names. */
export async function addNodes(cluster: ClusterPaths, { nodes = 1, moreNodes = 0 }: WantedNodes): Promise<string[]> {
  return withMachineLock('choose addresses', async () => {
    const config = readClusterConfig(cluster) as ClusterConfig;
    requireRoom(config);
    const added: string[] = [];
    const count = Math.max(nodes, furtherNodes(cluster).length + 1 + moreNodes);
    while (furtherNodes(cluster).length + 1 < count) added.push(addNode(cluster, config));
    return added;
  });
}

/** A cluster of an older version has given all its addresses to the one node that there could be. */
function requireRoom({ name, plan }: ClusterConfig): void {
  if (!containsAddress(plan.nodeCidr, plan.nodeAddress))
    throw new UserError(`the nodes of cluster "${name}" are machines, as its own is at ${plan.nodeAddress}`, {
      hint: 'vitrine node token tells how others join; leave out --node-address for several on one machine',
    });
  if (plan.nodePodCidr !== plan.podCidr) return;
  throw new UserError(`cluster "${name}" was made by a version of Vitrine that knew one node only`, {
    hint: `vitrine delete --name ${name} makes room for one with several`,
  });
}

function addNode(cluster: ClusterPaths, { nodeName, plan, internalApiPort }: ClusterConfig): string {
  const taken = furtherNodes(cluster);
  const first = addressToNumber(plan.nodeAddress);
  let number = 2;
  let [name, address] = ['', ''];
  do {
    [name, address] = [`${nodeName}-${number}`, numberToAddress(first + number - 1)];
    number++;
  } while (taken.some((node) => node.name === name || node.address === address));
  if (!containsAddress(plan.nodeCidr, address) || address === numberToAddress(cidrRange(plan.nodeCidr).last))
    throw new UserError(`no address of ${plan.nodeCidr} is left for a node`);
  const paths = nodePaths(cluster, name);
  fs.mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  // It begins as the first node is configured, and may be configured otherwise from then on.
  for (const file of ['kubelet.yaml', 'runtimes.yaml'])
    if (fs.existsSync(path.join(cluster.state, file)))
      fs.copyFileSync(path.join(cluster.state, file), path.join(paths.state, file));
  writeJoinRequest(paths, {
    ...{ nodeName: name, nodeAddress: address, server: `https://${plan.nodeAddress}:${internalApiPort}` },
    ca: fs.readFileSync(path.join(cluster.state, 'pki', 'ca.crt'), 'utf8'),
    // The host's resolver may be on its loopback, which is not ours.
    resolvers: [plan.nodeAddress],
  });
  return name;
}

/** What has become of the start of a node; with `error` it does not run. */
export interface NodeStart {
  name: string;
  error?: unknown;
}

/**
 * Starts those of the nodes that do not run, or run another build than ours, or all of them (`anew`), and waits until each is
 * Ready or has failed. None of them stays if the `first` node of the cluster fails.
 */
export async function startFurtherNodes(
  cluster: ClusterPaths,
  config: ClusterConfig,
  { anew, first }: { anew: boolean; first: Promise<unknown> },
): Promise<NodeStart[]> {
  const found = furtherNodes(cluster).map(async (node) => {
    const daemon = await settled(node.daemon);
    return { ...node, daemon: await keepUnless(anew || isOutdated(daemon), daemon) };
  });
  const waiting = (await Promise.all(found)).filter(({ daemon }) => !daemon);
  const unconnected = await connect(cluster, waiting, config);
  const starts = waiting.map(async (node): Promise<NodeStart> => {
    const { name } = node;
    if (unconnected.has(name)) return { name, error: unconnected.get(name) };
    return startNode(cluster, config, { node, first }).then(
      () => ({ name }),
      (error: unknown) => ({ name, error }),
    );
  });
  return Promise.all(starts);
}

/** What to tell of those that have failed: with one that was `added`, all that were are removed again. */
export function failureOf(failed: NodeStart[], added: string[], cluster: string): UserError {
  const option = nameOption(cluster);
  const causes = failed.map(({ name, error }) => {
    const hint = error instanceof UserError && error.hint ? ` (${error.hint})` : '';
    return `node "${name}": ${errorChain(error)}${hint}`;
  });
  const left = failed.map(({ name }) => name).filter((name) => !added.includes(name));
  const without = left.length < failed.length ? [...left, ...added] : left;
  const mend = `; mend ${left.join(', ')} and 'vitrine up${option}' again, or 'vitrine node rm ${left.join(' ')}${option}'`;
  return new UserError(causes.join('; '), {
    hint: `the cluster goes on without ${without.join(', ')}${left.length > 0 ? mend : ''}`,
  });
}

/** One that has not joined, or whose identity has run out meanwhile. */
async function needsToken({ paths }: FurtherNode): Promise<boolean> {
  const request = readJoinRequest(paths);
  if (!request || !readNodeConfig(paths)) return true;
  return (await certificateLifeMs(path.join(paths.state, 'pki'), 'kubelet-client', request.ca, systemClock)) === 0;
}

async function startNode(
  cluster: ClusterPaths,
  config: ClusterConfig,
  { node, first }: { node: FurtherNode; first: Promise<unknown> },
): Promise<void> {
  if (!(await needsToken(node))) return runUntilReady(node, first);
  await withAdmin(cluster, config, async (client) => {
    const token = await createBootstrapToken(client, { lifeMs: tokenLifeMs });
    try {
      writeJoinRequest(node.paths, { ...(readJoinRequest(node.paths) as JoinRequest), token });
      await runUntilReady(node, first);
    } finally {
      // Otherwise it runs out.
      await deleteBootstrapToken(client, token).catch(() => {});
    }
  });
}

async function runUntilReady({ paths, pins }: FurtherNode, first: Promise<unknown>): Promise<void> {
  const { startDaemonInside } = await import('./linux/daemon-inside.ts');
  const logFile = path.join(paths.logs, 'agent.log');
  const { pid, report } = startDaemonInside(pins, { command: agentCommand(paths), logFile });
  try {
    const [own] = await Promise.all([report, first]);
    requireReady('agent', own, paths);
  } catch (error) {
    await stopStarted(paths, 'agent', pid);
    throw error;
  }
}

/** Gives each its namespaces, unless they are there: what it has left running may be in them. Those that get none, and why. */
async function connect(
  cluster: ClusterPaths,
  nodes: FurtherNode[],
  config: ClusterConfig,
): Promise<Map<string, unknown>> {
  const failed = new Map<string, unknown>();
  const missing = nodes.filter(({ pins }) => !isPinned(pins.net) || !isPinned(pins.uts));
  if (missing.length === 0) return failed;
  const linux = await openLinux({ log: silentLogger });
  try {
    const own = new NodeSwitch(linux, config.plan, switchPin(cluster));
    if (!isPinned(switchPin(cluster)))
      await own.create().catch(async (error: unknown) => {
        await own.remove();
        throw error;
      });
    for (const { name, address, pins } of missing)
      await own.connect(name, address, pins).catch(async (error: unknown) => {
        failed.set(name, error);
        // Not half a machine: pins say that there is one.
        await own.disconnect(address, pins);
      });
    return failed;
  } finally {
    await linux.close();
  }
}

/** The file that pins the namespace of the switch between the nodes. */
export const switchPin = ({ run }: ClusterPaths): string => path.join(run, 'switch');

/** statfs(2) f_type of nsfs. */
const nsfsMagic = 0x6e736673;

export const isPinned = (file: string): boolean => fs.existsSync(file) && fs.statfsSync(file).type === nsfsMagic;
