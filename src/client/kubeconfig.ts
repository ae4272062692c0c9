import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { UserError } from '../base/errors.ts';
import type { HttpsOptions } from './https-transport.ts';

/** The parts of a kubeconfig that are used here; unknown fields are kept when it is written (client-go tools/clientcmd/api/v1). */
export interface Kubeconfig {
  apiVersion: 'v1';
  kind: 'Config';
  clusters: { name: string; cluster: ClusterEntry }[];
  users: { name: string; user: UserEntry }[];
  contexts: { name: string; context: { cluster: string; user: string; namespace?: string } }[];
  'current-context'?: string;
}

export interface ClusterEntry {
  server: string;
  'certificate-authority'?: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
  'tls-server-name'?: string;
}

export interface UserEntry {
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  token?: string;
  tokenFile?: string;
}

/** Where a context leads: what httpsTransport needs, and its namespace. */
export interface LoadedContext extends HttpsOptions {
  context: string;
  /** @default default */
  namespace: string;
}

/** Reads a context (default: the current one) of a file (default: $KUBECONFIG, then ~/.kube/config). */
export function loadKubeconfig(file?: string, context?: string): LoadedContext {
  const files = file ? [file] : kubeconfigFiles();
  const configs = files.flatMap((name) => {
    const config = readKubeconfig(name);
    return config ? [{ directory: path.dirname(path.resolve(name)), config }] : [];
  });
  const where = files.join(':');
  if (configs.length === 0) {
    throw new UserError(`no kubeconfig at ${where}`, { hint: 'start a cluster with: vitrine up' });
  }
  const wanted = context ?? configs.map(({ config }) => config['current-context']).find(Boolean);
  if (!wanted) throw new UserError(`kubeconfig ${where} has no current context`, { hint: 'name one with --context' });
  // Of entries with the same name in several files, the first counts.
  const find = <T extends { name: string }>(list: (config: Kubeconfig) => T[], name: string, what: string) => {
    for (const { config, directory } of configs) {
      const entry = list(config).find((one) => one.name === name);
      if (entry) return { entry, directory };
    }
    throw new UserError(`kubeconfig ${where} has no ${what} ${name}`);
  };
  const { entry } = find((config) => config.contexts, wanted, 'context');
  const cluster = find((config) => config.clusters, entry.context.cluster, 'cluster');
  const user = entry.context.user ? find((config) => config.users, entry.context.user, 'user') : undefined;
  return {
    context: wanted,
    namespace: entry.context.namespace || 'default',
    ...clusterOptions(cluster.entry.cluster, cluster.directory),
    ...(user ? userOptions(user.entry.user, user.directory) : {}),
  };
}

/** The files that kubectl would read, first to last. */
export function kubeconfigFiles(env: NodeJS.ProcessEnv = process.env): string[] {
  const listed = (env.KUBECONFIG ?? '').split(':').filter(Boolean);
  return listed.length > 0 ? listed : [path.join(env.HOME ?? homedir(), '.kube/config')];
}

/** The parsed file; undefined if it does not exist. */
export function readKubeconfig(file: string): Kubeconfig | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UserError(`read kubeconfig ${file}`, { cause: error });
  }
  try {
    const config = (parse(text) ?? {}) as Partial<Kubeconfig>;
    return {
      ...config,
      apiVersion: 'v1',
      kind: 'Config',
      clusters: config.clusters ?? [],
      contexts: config.contexts ?? [],
      users: config.users ?? [],
    };
  } catch (error) {
    throw new UserError(`parse kubeconfig ${file}`, { cause: error });
  }
}

function clusterOptions(cluster: ClusterEntry, directory: string) {
  return {
    server: cluster.server.replace(/\/+$/, ''),
    ca: pem(cluster['certificate-authority-data'], cluster['certificate-authority'], directory),
    insecure: cluster['insecure-skip-tls-verify'],
    serverName: cluster['tls-server-name'],
  };
}

function userOptions(user: UserEntry, directory: string) {
  return {
    cert: pem(user['client-certificate-data'], user['client-certificate'], directory),
    key: pem(user['client-key-data'], user['client-key'], directory),
    token: user.token || (user.tokenFile ? tokenFrom(path.resolve(directory, user.tokenFile)) : undefined),
  };
}

/** Data wins over a file; files are relative to the kubeconfig that names them. */
function pem(data: string | undefined, file: string | undefined, directory: string): string | undefined {
  if (data) return Buffer.from(data, 'base64').toString('utf8');
  if (!file) return undefined;
  const resolved = path.resolve(directory, file);
  try {
    return readFileSync(resolved, 'utf8');
  } catch (error) {
    throw new UserError(`read ${resolved}, named by the kubeconfig`, { cause: error });
  }
}

/** Token files are replaced when they rotate: read again after a minute (client-go transport/token_source.go). */
function tokenFrom(file: string): () => string {
  let token = '';
  let readAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - readAtMs > 60_000) {
      token = readFileSync(file, 'utf8').trim();
      readAtMs = performance.now();
    }
    return token;
  };
}
