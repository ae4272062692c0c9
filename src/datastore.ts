import fs from 'node:fs';
import path from 'node:path';
import { UserError } from './base/errors.ts';
import type { Logger } from './base/log.ts';
import type { ClusterPaths } from './paths.ts';
import type { StoreReport } from './store/check.ts';
import type { EtcdStoreOptions } from './store/etcd.ts';
import type { Store } from './store/store.ts';

/** An etcd that keeps a cluster's objects, as the user names it. */
export interface DatastoreAddress {
  /** Any of them will do. */
  endpoints: string[];
  /** PEM files for https: whom to trust, and who we are. */
  caFile?: string;
  certFile?: string;
  keyFile?: string;
}

/** As it is kept in the cluster's configuration; without one the objects are in a SQLite file of the cluster's own. */
export interface Datastore extends DatastoreAddress {
  /** Before all keys of this cluster. */
  prefix: string;
}

/** Opens where the cluster's objects are. */
export async function openDatastore(
  paths: ClusterPaths,
  datastore: Datastore | undefined,
  log: Logger,
): Promise<Store> {
  if (!datastore) {
    const { openSqliteStore } = await import('./store/sqlite.ts');
    return openSqliteStore({ file: storeFile(paths), log });
  }
  const { openEtcdStore } = await import('./store/etcd.ts');
  return openEtcdStore({ ...etcdOptions(datastore), log }).catch((error: unknown) => {
    throw new UserError('cannot open the datastore', {
      cause: error,
      hint: 'is etcd running, and are the certificates right?',
    });
  });
}

/** Removes a cluster's objects from etcd. */
export async function deleteDatastore(datastore: Datastore): Promise<void> {
  const { deleteEtcdStore } = await import('./store/etcd.ts');
  await deleteEtcdStore(etcdOptions(datastore));
}

/** Verifies a cluster's objects in etcd. */
export async function checkDatastore(datastore: Datastore): Promise<StoreReport> {
  const { checkEtcdStore } = await import('./store/check-etcd.ts');
  return checkEtcdStore(etcdOptions(datastore));
}

/** Where a cluster without etcd has its objects. */
export function storeFile(paths: ClusterPaths): string {
  return path.join(paths.state, 'store.db');
}

/** The datastore of a new cluster, or what changes for an old one: etcd may move, the cluster's keys stay what they are. */
export function chooseDatastore(
  name: string,
  wanted: DatastoreAddress | undefined,
  existing: { datastore?: Datastore } | undefined,
): Datastore | undefined {
  if (!existing) return wanted && { ...wanted, prefix: `/vitrine/${name}-${crypto.randomUUID().slice(0, 8)}` };
  if (!wanted || !existing.datastore) {
    if (wanted) {
      throw new UserError(`cluster "${name}" keeps its objects in SQLite since its first start`, {
        hint: `vitrine delete --name ${name} makes room for another datastore`,
      });
    }
    return existing.datastore;
  }
  return { ...wanted, prefix: existing.datastore.prefix };
}

function etcdOptions({ endpoints, prefix, caFile, certFile, keyFile }: Datastore): EtcdStoreOptions {
  return { endpoints, prefix, tls: { ca: pem(caFile), cert: pem(certFile), key: pem(keyFile) } };
}

function pem(file: string | undefined): string | undefined {
  if (!file) return undefined;
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`cannot read ${file} of the datastore`, { cause: error });
  }
}
