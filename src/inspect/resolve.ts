import type { Node, Service } from '../api/generated/core-v1.ts';
import type { Ingress } from '../api/generated/networking-v1.ts';
import type { KubeObject } from '../api/object.ts';
import { matchesLabels, type Selector } from '../api/selectors.ts';
import { UserError } from '../base/errors.ts';
import { ownerChain } from './join.ts';
import { leadsTo, usesObject } from './references.ts';
import type { PodEntry, Snapshot } from './snapshot.ts';

/** A kind that a tree can start from, as the command line writes it. */
const kinds: Record<string, { resource: string; words: string[] }> = {
  Service: { resource: 'services', words: ['service', 'services', 'svc'] },
  Deployment: { resource: 'deployments.apps', words: ['deployment', 'deployments', 'deploy'] },
  ReplicaSet: { resource: 'replicasets.apps', words: ['replicaset', 'replicasets', 'rs'] },
  StatefulSet: { resource: 'statefulsets.apps', words: ['statefulset', 'statefulsets', 'sts'] },
  DaemonSet: { resource: 'daemonsets.apps', words: ['daemonset', 'daemonsets', 'ds'] },
  Job: { resource: 'jobs.batch', words: ['job', 'jobs'] },
  CronJob: { resource: 'cronjobs.batch', words: ['cronjob', 'cronjobs', 'cj'] },
  Pod: { resource: 'pods', words: ['pod', 'pods', 'po'] },
  Node: { resource: 'nodes', words: ['node', 'nodes', 'no'] },
  ReplicationController: {
    resource: 'replicationcontrollers',
    words: ['replicationcontroller', 'replicationcontrollers', 'rc'],
  },
  Namespace: { resource: 'namespaces', words: ['namespace', 'namespaces', 'ns'] },
  ConfigMap: { resource: 'configmaps', words: ['configmap', 'configmaps', 'cm'] },
  Secret: { resource: 'secrets', words: ['secret', 'secrets'] },
  PersistentVolumeClaim: {
    resource: 'persistentvolumeclaims',
    words: ['persistentvolumeclaim', 'persistentvolumeclaims', 'pvc'],
  },
  ServiceAccount: { resource: 'serviceaccounts', words: ['serviceaccount', 'serviceaccounts', 'sa'] },
  Ingress: { resource: 'ingresses.networking.k8s.io', words: ['ingress', 'ingresses', 'ing'] },
};

/** Kinds that a snapshot does not list: the object itself must be asked for. */
export const askedFor: ReadonlySet<string> = new Set([
  'Namespace',
  'ConfigMap',
  'Secret',
  'PersistentVolumeClaim',
  'ServiceAccount',
  'Ingress',
]);

/** 'svc/web', 'deploy.apps/web' → kind and name. Throws a UserError on a kind that has no tree. */
export function parseReference(text: string): { kind: string; name: string } {
  const [word = '', name, ...more] = text.split('/');
  if (!word || !name || more.length > 0) throw new UserError(`"${text}": must be KIND/NAME`, { hint: 'service/web' });
  const plain = word.toLowerCase().split('.')[0]!;
  const kind = Object.keys(kinds).find((candidate) => kinds[candidate]!.words.includes(plain));
  if (!kind) throw new UserError(`"${text}": there is no tree of "${word}"`, { hint: Object.keys(kinds).join(', ') });
  return { kind, name };
}

/** One object of the tree; its Pods are the leaves. */
export interface ObjectNode {
  kind: string;
  object: KubeObject;
  /** Set on Pods. */
  pod?: PodEntry;
  children: ObjectNode[];
}

/**
 * The object and everything below it down to its Pods, from a snapshot with objects: 'all'; `asked`: the object, if it
 * is of a kind that a snapshot does not list.
 */
export function resolveTree(snapshot: Snapshot, reference: string, namespace: string, asked?: KubeObject): ObjectNode {
  const { kind, name } = parseReference(reference);
  const object = asked ?? findObject(snapshot, kind, name, namespace);
  if (!object) throw new UserError(`${kinds[kind]!.resource} "${name}" not found`);
  return objectTree(snapshot, object);
}

function findObject(snapshot: Snapshot, kind: string, name: string, namespace: string): KubeObject | undefined {
  const { services, workloads, nodes, pods } = snapshot.objects;
  return [...services, ...workloads, ...nodes, ...pods].find(
    ({ kind: its, metadata }) =>
      its === kind && metadata.name === name && (kind === 'Node' || metadata.namespace === namespace),
  );
}

/** Everything, or everything in one namespace: Services, then workloads that no Service selects, then lone Pods. */
export function overviewTree(snapshot: Snapshot, namespace?: string): ObjectNode[] {
  const inScope = ({ metadata }: KubeObject) => namespace === undefined || metadata.namespace === namespace;
  const services = snapshot.objects.services.filter(inScope).sort(byName);
  const roots = services.map((service) => objectTree(snapshot, service));
  const shown = new Set(roots.flatMap(podsOf));
  const rest = [...snapshot.pods.values()].filter((pod) => inScope(pod.object) && !shown.has(pod));
  const idle = snapshot.objects.workloads.filter(
    (workload) => inScope(workload) && isTop(workload) && !hasPods(snapshot, workload),
  );
  return [...roots, ...groupByOwner(rest), ...idle.sort(byName).map((object) => newNode(object))];
}

const isTop = (workload: KubeObject) => !workload.metadata.ownerReferences?.some(({ controller }) => controller);

function hasPods(snapshot: Snapshot, workload: KubeObject): boolean {
  for (const { owners } of snapshot.pods.values()) if (owners.includes(workload)) return true;
  return false;
}

function objectTree(snapshot: Snapshot, object: KubeObject): ObjectNode {
  const pods = [...snapshot.pods.values()];
  const node = newNode(object);
  switch (object.kind) {
    case 'Pod':
      return newNode(object, snapshot.pods.get(object.metadata.uid));
    case 'Service':
      node.children = groupByOwner(pods.filter((pod) => isSelected(pod, object as Service)));
      break;
    case 'Node':
      node.children = groupByOwner(pods.filter((pod) => pod.object.spec.nodeName === (object as Node).metadata.name));
      break;
    case 'Namespace':
      node.children = overviewTree(snapshot, object.metadata.name);
      break;
    case 'Ingress':
      node.children = snapshot.objects.services
        .filter((service) => leadsTo(object as Ingress, service))
        .map((service) => objectTree(snapshot, service));
      break;
    case 'ConfigMap':
    case 'Secret':
    case 'PersistentVolumeClaim':
    case 'ServiceAccount':
      node.children = groupByOwner(pods.filter((pod) => usesObject(pod.object, object)));
      break;
    default:
      node.children = groupByOwner(
        pods.filter((pod) => pod.owners.includes(object)),
        object,
      );
  }
  return node;
}

/** What an object is part of, the outermost first: Services that select a Pod, owners. */
export function ownersAbove(snapshot: Snapshot, object: KubeObject): KubeObject[] {
  const pod = object.kind === 'Pod' ? snapshot.pods.get(object.metadata.uid) : undefined;
  const { services: all, workloads } = snapshot.objects;
  if (!pod) return ownerChain(object, new Map(workloads.map((its) => [its.metadata.uid, its]))).reverse();
  const services = all.filter((service) => isSelected(pod, service));
  return [...services, ...[...pod.owners].reverse()];
}

/** A Service without a selector has no Pods of its own (its Endpoints are somebody else's work). */
export function isSelected(pod: PodEntry, service: Service): boolean {
  const wanted = service.spec.selector;
  if (!wanted || Object.keys(wanted).length === 0 || pod.namespace !== service.metadata.namespace) return false;
  const selector: Selector = Object.entries(wanted).map(([key, value]) => ({ key, operator: '=', values: [value] }));
  return matchesLabels(selector, pod.object.metadata.labels);
}

/** Pods under their owners, the farthest first; owners at and above `below` are left out. */
function groupByOwner(pods: PodEntry[], below?: KubeObject): ObjectNode[] {
  const roots: ObjectNode[] = [];
  const nodes = new Map<KubeObject, ObjectNode>();
  for (const pod of [...pods].sort((a, b) => byName(a.object, b.object))) {
    const end = below ? pod.owners.indexOf(below) : pod.owners.length;
    let siblings = roots;
    for (const owner of pod.owners.slice(0, end).reverse()) {
      let node = nodes.get(owner);
      if (!node) {
        node = newNode(owner);
        nodes.set(owner, node);
        siblings.push(node);
      }
      siblings = node.children;
    }
    siblings.push(newNode(pod.object, pod));
  }
  return roots;
}

function newNode(object: KubeObject, pod?: PodEntry): ObjectNode {
  return { kind: object.kind, object, children: [], ...(pod && { pod }) };
}

function byName(a: KubeObject, b: KubeObject): number {
  const [left, right] = [a, b].map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`) as [
    string,
    string,
  ];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** All Pods below a node. */
export function podsOf(node: ObjectNode): PodEntry[] {
  return node.pod ? [node.pod] : node.children.flatMap(podsOf);
}

export interface Totals {
  pods: number;
  containers: number;
  processes: number;
  threads: number;
}

/** Each Pod counts once. Containers are those with a process, without the one that only holds namespaces. */
export function totalsOf(pods: Iterable<PodEntry>): Totals {
  const totals: Totals = { pods: 0, containers: 0, processes: 0, threads: 0 };
  for (const pod of new Set(pods)) {
    totals.pods++;
    for (const { name, processes } of pod.containers) {
      if (processes.length > 0 && name !== 'pause') totals.containers++;
      totals.processes += processes.length;
      for (const { threadCount } of processes) totals.threads += threadCount;
    }
  }
  return totals;
}
