import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { UserError } from '../base/errors.ts';
import type { HttpsOptions } from './https-transport.ts';
import {
  type ClusterEntry,
  editKubeconfig,
  emptyKubeconfig,
  type Kubeconfig,
  kubeconfigFiles,
  readKubeconfig,
  type UserEntry,
} from './kubeconfig-file.ts';
import { tokenFrom } from './token-file.ts';

/** What leads to one cluster as one user. */
export interface KubeconfigAccess {
  /** Name of context, cluster and user alike, as kind does. */
  name: string;
  server: string;
  /** PEM. */
  ca?: string;
  cert?: string;
  key?: string;
  token?: string;
  namespace?: string;
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

/**
 * Adds or replaces a context, keeping all others; `file` defaults to the first of $KUBECONFIG that exists (else the
 * last), then ~/.kube/config. Returns the file that was written (kind pkg/cluster/internal/kubeconfig).
 */
export async function mergeKubeconfig(
  file: string | undefined,
  access: KubeconfigAccess,
  setCurrent: boolean,
): Promise<string> {
  const files = file ? [file] : kubeconfigFiles();
  const target = files.find((one) => existsSync(one)) ?? files.at(-1)!;
  await editKubeconfig(target, (config) => {
    add(config, access, setCurrent);
    return true;
  });
  return target;
}

/** Removes context, cluster and user of that name from every file; forgets it as the current context. */
export async function removeFromKubeconfig(file: string | undefined, name: string): Promise<void> {
  for (const target of file ? [file] : kubeconfigFiles()) {
    if (!existsSync(target)) continue;
    await editKubeconfig(target, (config) => {
      const before = JSON.stringify(config);
      config.clusters = config.clusters.filter((one) => one.name !== name);
      config.users = config.users.filter((one) => one.name !== name);
      config.contexts = config.contexts.filter((one) => one.name !== name);
      if (config['current-context'] === name) config['current-context'] = '';
      return JSON.stringify(config) !== before;
    });
  }
}

/** A kubeconfig with this context alone, as YAML. */
export function renderKubeconfig(access: KubeconfigAccess): string {
  const config = emptyKubeconfig();
  add(config, access, true);
  return stringify(config);
}

function add(config: Kubeconfig, access: KubeconfigAccess, setCurrent: boolean): void {
  const { name, server, ca, cert, key, token, namespace } = access;
  const cluster: ClusterEntry = { server, 'certificate-authority-data': base64(ca) };
  const user: UserEntry = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key), token };
  config.clusters = upsert(config.clusters, { name, cluster });
  config.users = upsert(config.users, { name, user });
  config.contexts = upsert(config.contexts, { name, context: { cluster: name, user: name, namespace } });
  if (setCurrent) config['current-context'] = name;
}

const base64 = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text).toString('base64'));

function upsert<T extends { name: string }>(list: T[], entry: T): T[] {
  return list.some((one) => one.name === entry.name)
    ? list.map((one) => (one.name === entry.name ? entry : one))
    : [...list, entry];
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
