import { adminAccess } from '../src/admin-access.ts';
import { UserError } from '../src/base/errors.ts';
import type { Client } from '../src/client/client.ts';
import { httpsTransport } from '../src/client/https-transport.ts';
import { createClient } from '../src/client/rest.ts';
import type { ClusterConfig } from '../src/cluster-config.ts';
import { clusterState, replicaServers } from '../src/launch.ts';
import { type ClusterPaths, nameOption } from '../src/paths.ts';

/** Name of cluster, user and context in the kubeconfig. */
export function contextName(name: string): string {
  return name === 'default' ? 'vitrine' : `vitrine-${name}`;
}

/** What an administrator of the cluster needs to reach it. */
export function adminKubeconfig(paths: ClusterPaths, config: ClusterConfig) {
  return { name: contextName(config.name), ...adminAccess(paths, config) };
}

/** The running cluster's API, as its administrator. The command line has no other way in. */
export function clusterClient(name: string): Client {
  const { paths, config, server } = clusterState(name);
  const isServed = server !== undefined || replicaServers(name).length > 0;
  if (!config) throw noCluster(name);
  if (!isServed) throw new UserError(`cluster "${name}" is stopped`, { hint: `${upCommand(name)} starts it` });
  return createClient(httpsTransport(adminKubeconfig(paths, config)));
}

export function noCluster(name: string): UserError {
  return new UserError(`there is no cluster "${name}"`, { hint: `${upCommand(name)} makes it` });
}

export const upCommand = (name: string): string => `vitrine up${nameOption(name)}`;
