import path from 'node:path';

/** Where one cluster keeps its things. */
export interface ClusterPaths {
  /** Cluster name. @default 'default' */
  name: string;
  /** Durable state: database, PKI, cluster.json, kubelet directory. */
  state: string;
  /** tmpfs: sockets, pids, namespaces, monitor state. */
  run: string;
  /** Logs of the two processes. */
  logs: string;
  /** The image store, shared by all clusters. */
  images: string;
  /** Pod logs in the kubelet's layout. */
  podLogs: string;
}

/** The contract of the paths; VITRINE_ROOT moves them all, for tests. */
export function clusterPaths(name: string, root = process.env.VITRINE_ROOT ?? '/'): ClusterPaths {
  return {
    name,
    state: path.join(root, 'var/lib/vitrine', name),
    run: path.join(root, 'run/vitrine', name),
    logs: path.join(root, 'var/log/vitrine', name),
    images: path.join(root, 'var/lib/vitrine/images'),
    podLogs: name === 'default' ? path.join(root, 'var/log/pods') : path.join(root, 'var/log/vitrine', name, 'pods'),
  };
}
