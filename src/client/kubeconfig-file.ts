import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { UserError } from '../base/errors.ts';

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

export const emptyKubeconfig = (): Kubeconfig => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [],
  contexts: [],
  users: [],
});

/** Changes the file under kubectl's own lock; `change` returns whether there is anything to write. */
export async function editKubeconfig(file: string, change: (config: Kubeconfig) => boolean): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o750 });
  const unlock = await lock(`${file}.lock`);
  try {
    const config = readKubeconfig(file) ?? emptyKubeconfig();
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
