import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../api/generated/apps-v1.ts';
import type { CronJob, Job } from '../api/generated/batch-v1.ts';
import type { Node, Pod, ReplicationController, Service } from '../api/generated/core-v1.ts';
import type { KubeObject } from '../api/object.ts';
import {
  builtin,
  daemonSets,
  deployments,
  nodes,
  pods,
  type Resource,
  replicaSets,
  services,
  statefulSets,
} from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { Client } from '../client/client.ts';

/** What the API knows, as listed at one moment. */
export interface ClusterObjects {
  pods: Pod[];
  services: Service[];
  nodes: Node[];
  /** Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs, ReplicationControllers. */
  workloads: KubeObject[];
}

export type Workload = Deployment | ReplicaSet | StatefulSet | DaemonSet | Job | CronJob | ReplicationController;

export const workloadResources: Resource<KubeObject>[] = [
  deployments,
  replicaSets,
  statefulSets,
  daemonSets,
  builtin<Job>('batch', 'v1', 'jobs'),
  builtin<CronJob>('batch', 'v1', 'cronjobs'),
  builtin<ReplicationController>('', 'v1', 'replicationcontrollers'),
];

export function noObjects(): ClusterObjects {
  return { pods: [], services: [], nodes: [], workloads: [] };
}

export async function listObjects(client: Client, what: 'pods' | 'all'): Promise<ClusterObjects> {
  if (what === 'pods') return { ...noObjects(), pods: await listAll(client, pods) };
  const [podList, serviceList, nodeList, ...workloads] = await Promise.all([
    listAll(client, pods),
    listAll(client, services),
    listAll(client, nodes),
    ...workloadResources.map((resource) => listAll(client, resource)),
  ]);
  return { pods: podList, services: serviceList, nodes: nodeList, workloads: workloads.flat() };
}

/** Items of a list lack kind and apiVersion; here they get them. A kind that the server does not serve has none. */
async function listAll<T extends KubeObject>(client: Client, resource: Resource<T>): Promise<T[]> {
  try {
    const { items } = await client.list(resource);
    const apiVersion = resource.group ? `${resource.group}/${resource.version}` : resource.version;
    return items.map((item) => ({ ...item, kind: resource.kind, apiVersion }));
  } catch (error) {
    if (hasReason(error, 'NotFound')) return [];
    throw error;
  }
}
