import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { UserError } from '../base/errors.ts';
import { type ClusterEntry, type Kubeconfig, kubeconfigFiles, readKubeconfig, type UserEntry } from './kubeconfig.ts';

export interface KubeconfigEntry {
  /** Name of context, cluster and user alike, as kind does. */
  name: string;
  cluster: ClusterEntry;
  user: UserEntry;
  namespace?: string;
}

/**
 * Adds or replaces a context, keeping all others; `file` defaults to the first of $KUBECONFIG that exists (else the
 * last), then ~/.kube/config. Returns the file that was written (kind pkg/cluster/internal/kubeconfig).
 */
export async function mergeKubeconfig(
  file: string | undefined,
  entry: KubeconfigEntry,
  setCurrent: boolean,
): Promise<string> {
  const files = file ? [file] : kubeconfigFiles();
  const target = files.find((one) => existsSync(one)) ?? files.at(-1)!;
  const { name, cluster, user, namespace } = entry;
  const context = { cluster: name, user: name, ...(namespace ? { namespace } : {}) };
  await edit(target, (config) => {
    config.clusters = upsert(config.clusters, { name, cluster });
    config.users = upsert(config.users, { name, user });
    config.contexts = upsert(config.contexts, { name, context });
    if (setCurrent) config['current-context'] = name;
    return true;
  });
  return target;
}

/** Removes context, cluster and user of that name from every file; forgets it as the current context. */
export async function removeFromKubeconfig(file: string | undefined, name: string): Promise<void> {
  for (const target of file ? [file] : kubeconfigFiles()) {
    if (!existsSync(target)) continue;
    await edit(target, (config) => {
      const before = JSON.stringify(config);
      config.clusters = config.clusters.filter((one) => one.name !== name);
      config.users = config.users.filter((one) => one.name !== name);
      config.contexts = config.contexts.filter((one) => one.name !== name);
      if (config['current-context'] === name) config['current-context'] = '';
      return JSON.stringify(config) !== before;
    });
  }
}

const empty = (): Kubeconfig => ({ apiVersion: 'v1', kind: 'Config', clusters: [], contexts: [], users: [] });

/** Changes the file under kubectl's own lock; `change` returns whether there is anything to write. */
async function edit(file: string, change: (config: Kubeconfig) => boolean): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o750 });
  const unlock = await lock(`${file}.lock`);
  try {
    const config = readKubeconfig(file) ?? empty();
    if (change(config)) replaceFile(file, stringify(config));
  } finally {
    unlock();
  }
}

/** client-go tools/clientcmd/config.go lockFile: whoever creates the file holds the lock. */
async function lock(file: string): Promise<() => void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      closeSync(openSync(file, 'wx', 0o600));
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new UserError(`lock kubeconfig with ${file}`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new UserError(`kubeconfig is locked by ${file}`, { hint: 'remove that file if no kubectl is running' });
}

/** By rename, so that a reader sees the old or the new one; a symbolic link and the owner stay. */
function replaceFile(file: string, text: string): void {
  const target = existsSync(file) ? realpathSync(file) : file;
  const temporary = `${target}.${process.pid}`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  if (existsSync(target)) {
    const { uid, gid } = statSync(target);
    chownSync(temporary, uid, gid);
  }
  renameSync(temporary, target);
}

function upsert<T extends { name: string }>(list: T[], entry: T): T[] {
  return list.some((one) => one.name === entry.name)
    ? list.map((one) => (one.name === entry.name ? entry : one))
    : [...list, entry];
}
