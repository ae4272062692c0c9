import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type ApiServerFlags, withFlags } from './api-server-flags.ts';
import { overlaps } from './base/cidr.ts';
import { UserError } from './base/errors.ts';
import { chooseDatastore, type Datastore, type DatastoreAddress } from './datastore.ts';
import { readHostRoutes } from './linux/proc-routes.ts';
import { type Claim, claim, claimant, readClaims } from './machine-claims.ts';
import { withMachineLock } from './machine-lock.ts';
import type { AddressPlan } from './network/address-plan.ts';
import { chooseAddresses } from './network/choose-addresses.ts';
import { type ClusterPaths, clusterPaths } from './paths.ts';

/** What is decided at the first start of a cluster and kept for its life: <state>/cluster.json. */
export interface ClusterConfig {
  name: string;
  createdAt: string;
  nodeName: string;
  plan: AddressPlan;
  /** The etcd with its objects. @default a file beside this one */
  datastore?: Datastore;
  /** Port on 127.0.0.1 for clients of this machine. */
  apiPort: number;
  /** Port of the API server on the node's address, for Pods. */
  internalApiPort: number;
  /** Port of the kubelet on the node's address. */
  kubeletPort: number;
  /** Flags of kube-apiserver that were given, by name. */
  apiServerFlags?: ApiServerFlags;
}

/** What the user may say about a server. */
export interface ServerOptions {
  /** Of a replica: a port of its own beside that of the cluster, on 127.0.0.1. */
  apiPort?: number | undefined;
  datastore?: DatastoreAddress | undefined;
  /** An address of this machine by which other machines reach it, of a cluster that they are to join. @default one of the plan */
  nodeAddress?: string | undefined;
  /** Take the place of those with the same name that are kept; one without a value removes it. */
  apiServerFlags?: ApiServerFlags | undefined;
  /** Which of several servers of the cluster this is. @default the one that `vitrine up` starts */
  replica?: string | undefined;
}

export const defaultApiPort = 6443;

export function readClusterConfig(paths: ClusterPaths): ClusterConfig | undefined {
  try {
    const config = JSON.parse(fs.readFileSync(configFile(paths), 'utf8')) as ClusterConfig;
    return { ...config, plan: withRanges(config.plan) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UserError(`cannot read ${configFile(paths)}`, { cause: error, hint: 'vitrine delete starts afresh' });
  }
}

/** Clusters that were made before there could be several nodes have one that has all addresses of Pods. */
function withRanges(plan: AddressPlan): AddressPlan {
  return {
    ...plan,
    nodePodCidr: plan.nodePodCidr ?? plan.podCidr,
    nodeCidr: plan.nodeCidr ?? `${plan.nodeAddress}/18`,
  };
}

/** The configuration for one more server of a cluster that is there. */
export function replicaConfig(paths: ClusterPaths): ClusterConfig {
  const config = readClusterConfig(paths);
  if (config?.datastore) return config;
  if (!config)
    throw new UserError(`there is no cluster "${paths.name}"`, { hint: 'a replica joins what vitrine up has made' });
  throw new UserError(`cluster "${paths.name}" keeps its objects in SQLite, which one server alone can use`, {
    hint: 'vitrine up --datastore makes a cluster on etcd',
  });
}

/**
 * Reads the cluster's configuration, or decides it: addresses that clash with no route and no other cluster, a free port.
 * They are claimed for the life of this process: links and listening sockets come later, and others may choose meanwhile.
 */
export function ensureClusterConfig(paths: ClusterPaths, wanted: ServerOptions = {}): Promise<ClusterConfig> {
  // Two that are made at once would choose the same ranges and the same port.
  return withMachineLock('choose addresses', async () => {
    const owner = claimant(paths.state);
    const others = readClaims().filter((other) => other.owner !== owner);
    const existing = readClusterConfig(paths);
    const config = existing ? await resumeConfig(paths, wanted, existing) : await decideConfig(paths, wanted, others);
    const ours = { owner, hostLink: config.plan.hostLink, apiPort: config.apiPort, ranges: rangesOf(config.plan) };
    requireUnclaimed(paths.name, ours, others);
    if (config !== existing) writeConfig(paths, config);
    await claim(ours);
    return config;
  });
}

async function resumeConfig(
  paths: ClusterPaths,
  wanted: ServerOptions,
  existing: ClusterConfig,
): Promise<ClusterConfig> {
  if (wanted.apiPort && wanted.apiPort !== existing.apiPort)
    throw new UserError(`cluster "${paths.name}" has port ${existing.apiPort} since its first start`, {
      hint: `vitrine delete --name ${paths.name} makes room for another port`,
    });
  if (wanted.nodeAddress && wanted.nodeAddress !== existing.plan.nodeAddress)
    throw new UserError(`cluster "${paths.name}" has its node at ${existing.plan.nodeAddress} since its first start`, {
      hint: `vitrine delete --name ${paths.name} makes room for another address`,
    });
  const datastore = chooseDatastore(paths.name, wanted.datastore, existing);
  // Servers on one datastore share the port: another one may be at work.
  if (!datastore)
    await requireFreePort(existing.apiPort, `vitrine delete --name ${paths.name} makes room for another port`);
  const apiServerFlags = withFlags(existing.apiServerFlags, wanted.apiServerFlags);
  const config = { ...existing, ...(datastore && { datastore }), apiServerFlags };
  return JSON.stringify(config) === JSON.stringify(existing) ? existing : config;
}

/** All addresses of a cluster are in its two /16 (choose-addresses.ts). */
export const rangesOf = ({ podCidr, serviceCidr }: AddressPlan): string[] => [
  podCidr,
  `${serviceCidr.split('/')[0]}/16`,
];

/** Clusters whose files are below another VITRINE_ROOT are told of by nothing but their claims. */
function requireUnclaimed(name: string, ours: Claim, others: Claim[]): void {
  for (const other of others) {
    if (other.hostLink === ours.hostLink)
      throw new UserError(`another cluster "${name}", with its state elsewhere, runs on this machine`, {
        hint: 'stop it, or choose another name with --name',
      });
    const clash = ours.ranges.find((range) => other.ranges.some((taken) => overlaps(range, taken)));
    if (clash)
      throw new UserError(`the addresses ${clash} of cluster "${name}" are those of another one (${other.hostLink})`, {
        hint: `stop the other, or make this one anew: vitrine delete --name ${name}`,
      });
  }
}

async function decideConfig(paths: ClusterPaths, wanted: ServerOptions, claims: Claim[]): Promise<ClusterConfig> {
  const others = otherClusters(paths);
  const datastore = chooseDatastore(paths.name, wanted.datastore, undefined);
  const config: ClusterConfig = {
    name: paths.name,
    createdAt: new Date().toISOString(),
    nodeName: os.hostname().toLowerCase(),
    plan: {
      ...chooseAddresses(
        paths.name,
        [...readHostRoutes(), ...claims.flatMap(({ ranges }) => ranges.map((destination) => ({ destination })))],
        others.map((other) => other.plan),
      ),
      ...(wanted.nodeAddress && { nodeAddress: ownAddress(wanted.nodeAddress) }),
    },
    apiPort: wanted.apiPort ?? (await freePort([...others, ...claims].map((other) => other.apiPort))),
    internalApiPort: 6443,
    kubeletPort: 10250,
    ...(datastore && { datastore }),
    apiServerFlags: withFlags({}, wanted.apiServerFlags),
  };
  if (wanted.apiPort) await requireFreePort(wanted.apiPort, 'choose another with --api-port');
  return config;
}

/** Others must be able to reach it. */
function ownAddress(address: string): string {
  const own = Object.values(os.networkInterfaces()).flatMap((all) => all ?? []);
  if (own.some((one) => one.family === 'IPv4' && !one.internal && one.address === address)) return address;
  throw new UserError(`--node-address ${address}: this machine has no such IPv4 address`);
}

function writeConfig(paths: ClusterPaths, config: ClusterConfig): void {
  fs.mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  fs.writeFileSync(`${configFile(paths)}.tmp`, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600, flush: true });
  fs.renameSync(`${configFile(paths)}.tmp`, configFile(paths));
}

/** The configurations of all other clusters of this machine, running or not: those beside it, and those in the usual place. */
export function otherClusters(paths: ClusterPaths): ClusterConfig[] {
  const usual = clusterPaths(paths.name, '/');
  return [paths, ...(usual.state === paths.state ? [] : [usual])].flatMap((place) =>
    clusterNames(place).flatMap((name) =>
      name === paths.name ? [] : (readClusterConfig(siblingPaths(place, name)) ?? []),
    ),
  );
}

/** Names of the clusters that have state on this machine, those that it has joined among them. */
export function clusterNames(paths: ClusterPaths): string[] {
  const parent = path.dirname(paths.state);
  if (!fs.existsSync(parent)) return [];
  const has = (name: string, file: string) => fs.existsSync(path.join(parent, name, file));
  return fs.readdirSync(parent).filter((name) => has(name, 'cluster.json') || has(name, 'join.json'));
}

function siblingPaths(paths: ClusterPaths, name: string): ClusterPaths {
  const sibling = clusterPaths(name);
  return { ...sibling, state: path.join(path.dirname(paths.state), name) };
}

function configFile(paths: ClusterPaths): string {
  return path.join(paths.state, 'cluster.json');
}

async function freePort(taken: number[]): Promise<number> {
  for (let port = defaultApiPort; port < defaultApiPort + 1000; port++)
    if (!taken.includes(port) && (await isFree(port))) return port;
  throw new UserError(`no free port from ${defaultApiPort} on`, { hint: 'choose one with --api-port' });
}

async function requireFreePort(port: number, hint: string): Promise<void> {
  if (!(await isFree(port))) throw new UserError(`port 127.0.0.1:${port} is taken by another program`, { hint });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
