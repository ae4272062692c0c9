import fs from 'node:fs';
import path from 'node:path';

/** Where one cluster, or one further node of it, keeps its things. */
export interface ClusterPaths {
  /** Cluster name. @default 'default' */
  name: string;
  /** Which of the cluster's further nodes this is about. @default the cluster itself, and its first node */
  node?: string;
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
  /** The cgroup of the node and all that it runs; those of further nodes are in it. */
  cgroup: string;
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
    cgroup: `/vitrine-${name}`,
  };
}

/** Those of a further node: in the cluster's own, so that what removes the cluster removes it. */
export function nodePaths(cluster: ClusterPaths, node: string): ClusterPaths {
  const below = (dir: string) => path.join(dir, 'nodes', node);
  const logs = below(cluster.logs);
  return {
    ...cluster,
    node,
    state: below(cluster.state),
    run: below(cluster.run),
    logs,
    podLogs: path.join(logs, 'pods'),
    cgroup: below(cluster.cgroup),
  };
}

/** Names of the cluster's further nodes on this machine, in the order of their numbers. */
export function nodeNames({ state }: ClusterPaths): string[] {
  const dir = path.join(state, 'nodes');
  if (!fs.existsSync(dir)) return [];
  return fs.readdirSync(dir).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** How the cluster is meant on the command line: ' --name lab'. */
export const nameOption = (name: string): string => (name === 'default' ? '' : ` --name ${name}`);

/** The files that pin the namespaces of a further node. */
export const nodePins = ({ run }: ClusterPaths): { net: string; uts: string } => ({
  net: path.join(run, 'net'),
  uts: path.join(run, 'uts'),
});

/** Those of all nodes of the cluster on this machine: the first one, whose they are, and the further ones. */
export const allNodePaths = (cluster: ClusterPaths): ClusterPaths[] => [
  cluster,
  ...nodeNames(cluster).map((node) => nodePaths(cluster, node)),
];
