import fs from 'node:fs';
import path from 'node:path';
import { UserError } from './base/errors.ts';
import type { ClusterConfig } from './cluster-config.ts';
import type { AddressPlan } from './network/address-plan.ts';
import type { ClusterPaths } from './paths.ts';

/** What a node knows of itself and its cluster before it asks anybody. */
export interface NodeConfig {
  nodeName: string;
  plan: AddressPlan;
  /** URL of the API server. */
  server: string;
  kubeletPort: number;
  /** Whether traffic from outside to the addresses of load balancers comes to this node. */
  announces: boolean;
  /** Resolvers for names outside the cluster. @default those of /etc/resolv.conf */
  resolvers?: string[];
}

/** What a machine is told that is to become a node: <state>/join.json. */
export interface JoinRequest {
  nodeName: string;
  /** By which the other nodes reach it, on a link that they share. */
  nodeAddress: string;
  server: string;
  /** PEM of the cluster's CA. */
  ca: string;
  /** A bootstrap token, as long as there is no certificate. */
  token?: string;
  resolvers?: string[];
}

/** The first node is that of the control plane's machine, whose API it reaches on loopback. */
export function firstNode({ nodeName, plan, apiPort, kubeletPort }: ClusterConfig): NodeConfig {
  return { nodeName, plan, kubeletPort, announces: true, server: `https://127.0.0.1:${apiPort}` };
}

/** Undefined: it has not joined yet. */
export const readNodeConfig = (paths: ClusterPaths) => readJson<NodeConfig>(paths, 'node.json');

export const writeNodeConfig = (paths: ClusterPaths, config: NodeConfig) => writeJson(paths, 'node.json', config);

export const readJoinRequest = (paths: ClusterPaths) => readJson<JoinRequest>(paths, 'join.json');

export const writeJoinRequest = (paths: ClusterPaths, request: JoinRequest) => writeJson(paths, 'join.json', request);

function readJson<T>({ state }: ClusterPaths, name: string): T | undefined {
  const file = path.join(state, name);
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UserError(`cannot read ${file}`, { cause: error });
  }
}

function writeJson({ state }: ClusterPaths, name: string, value: unknown): void {
  const file = path.join(state, name);
  fs.mkdirSync(state, { recursive: true, mode: 0o700 });
  fs.writeFileSync(`${file}.tmp`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flush: true });
  fs.renameSync(`${file}.tmp`, file);
}
