import type { Deployment, ReplicaSet, StatefulSet } from '../../api/generated/apps-v1.ts';
import type { Node, Pod, Service } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { describeLoadBalancer, describePorts } from '../describe-service.ts';
import { plural } from '../plural.ts';
import { describeStopped, podPhase, statusesOf, unscheduledMessage } from '../pod-phase.ts';
import { type ObjectNode, podsOf, resolveTree, totalsOf } from '../resolve.ts';
import type { ServiceRule } from '../service-rules.ts';
import { podSteps } from './above.ts';
import { lookAtContainer } from './container.ts';
import type { Look, LookContext, LookNode } from './look.ts';
import { group } from './process.ts';

/** An object of the API: its owners and Services upwards, Pods, containers and processes downwards. */
export function lookAtObject(kind: string, name: string, context: LookContext, namespace?: string): Look[] {
  const { snapshot } = context;
  const { services, workloads, nodes, pods } = snapshot.objects;
  const found = [...services, ...workloads, ...nodes, ...pods].filter(
    (object) =>
      object.kind === kind &&
      object.metadata.name === name &&
      [namespace, context.namespace].every(
        (its) => its === undefined || its === object.metadata.namespace || kind === 'Node',
      ),
  );
  return found.map((object): Look => {
    const node = resolveTree(snapshot, `${kind}/${name}`, object.metadata.namespace ?? 'default');
    const { pods: count, containers, processes, threads } = totalsOf(podsOf(node));
    const pod = kind === 'Pod' ? snapshot.pods.get(object.metadata.uid) : undefined;
    return {
      type: 'object',
      title: `${kind} ${object.metadata.namespace ? `${object.metadata.namespace}/` : ''}${name}`,
      above: pod ? podSteps(pod, snapshot, false) : [],
      facts: [
        ...objectFacts(object),
        {
          name: 'made of',
          value: [
            ...(pod ? [] : [plural(count, 'Pod')]),
            plural(containers, 'container'),
            plural(processes, 'process'),
            plural(threads, 'thread'),
          ].join(', '),
        },
      ],
      below: [
        ...(object.kind === 'Service' ? ruleNodes(object as Service, context) : []),
        ...(node.pod ? containerNodes(node, context) : node.children.map((child) => treeNode(child, context))),
      ],
    };
  });
}

/** What the kernel does with the Service's addresses, on each node. */
function ruleNodes(service: Service, { snapshot, rulesOf }: LookContext): LookNode[] {
  if (!service.spec.clusterIP || service.spec.clusterIP === 'None') return [];
  const { nodes } = snapshot.objects;
  if (nodes.length < 2) return ruleGroup(rulesOf(service));
  return nodes.flatMap((node) => ruleGroup(rulesOf(service, node), ` on node ${node.metadata.name}`));
}

function ruleGroup(rules: ServiceRule[] | undefined, where = ''): LookNode[] {
  if (!rules) return [{ type: 'group', text: `nft rules${where} cannot be seen from here`, children: [] }];
  if (rules.length === 0) return [{ type: 'group', text: `no nft rules${where}`, children: [] }];
  return group(
    'nft rule',
    rules.map(({ table, in: name, match, endpoints, verdicts }) => {
      const shown = endpoints.length > 4 ? [...endpoints.slice(0, 3), `… (${endpoints.length})`] : endpoints;
      const end = [...shown, ...verdicts].join(' ') || 'refused';
      return { type: 'rule', text: `table ${table}, ${name}: ${match} → ${end}`, children: [] };
    }),
    where,
  );
}

function objectFacts(object: KubeObject): Look['facts'] {
  const { creationTimestamp, labels } = object.metadata;
  const words = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return [
    ...ownFacts(object),
    { name: 'created', value: creationTimestamp },
    ...(words.length > 0 ? [{ name: 'labels', value: words.join(', ') }] : []),
  ];
}

function ownFacts(object: KubeObject): Look['facts'] {
  switch (object.kind) {
    case 'Pod':
      return podFacts(object as Pod);
    case 'Service':
      return serviceFacts(object as Service);
    case 'Node':
      return nodeFacts(object as Node);
    case 'Deployment':
    case 'ReplicaSet':
    case 'StatefulSet': {
      const { spec, status } = object as Deployment | ReplicaSet | StatefulSet;
      return [{ name: 'ready', value: `${status?.readyReplicas ?? 0} of ${spec?.replicas ?? 1}` }];
    }
    default:
      return [];
  }
}

function podFacts(pod: Pod): Look['facts'] {
  const unscheduled = unscheduledMessage(pod);
  return [
    { name: 'state', value: podPhase(pod) },
    ...(unscheduled ? [{ name: 'not scheduled', value: unscheduled }] : []),
    { name: 'address', value: pod.status?.podIP ?? '-' },
    { name: 'node', value: pod.spec.nodeName ?? '-' },
  ];
}

function serviceFacts(service: Service): Look['facts'] {
  const { spec } = service;
  return [
    { name: 'type', value: spec.type ?? 'ClusterIP' },
    { name: 'address', value: spec.clusterIP ?? '-' },
    ...(spec.type === 'LoadBalancer' ? [{ name: 'load balancer', value: describeLoadBalancer(service) }] : []),
    { name: 'ports', value: describePorts(service).join(', ') },
  ];
}

function nodeFacts({ spec, status }: Node): Look['facts'] {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  return [
    { name: 'state', value: `${ready ? 'Ready' : 'NotReady'}${spec.unschedulable ? ', SchedulingDisabled' : ''}` },
    { name: 'address', value: status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '-' },
    { name: 'Pods', value: spec.podCIDR ?? '-' },
  ];
}

function treeNode(node: ObjectNode, context: LookContext): LookNode {
  const { kind, object, pod } = node;
  const on = pod?.object.spec.nodeName ? `, node ${pod.object.spec.nodeName}` : '';
  const state = pod ? `   ${podPhase(pod.object)}${on}` : '';
  return {
    type: 'object',
    text: `${kind} ${object.metadata.name}${state}`,
    children: pod ? containerNodes(node, context) : node.children.map((child) => treeNode(child, context)),
  };
}

function containerNodes({ pod }: ObjectNode, context: LookContext): LookNode[] {
  const containers = pod?.containers ?? [];
  const stopped = pod
    ? statusesOf(pod.object).filter((status) => !containers.some(({ name }) => name === status.name))
    : [];
  return [
    ...containers.map((container) => {
      const { title, below } = lookAtContainer(container, context);
      return { type: 'container', text: title, children: below };
    }),
    ...stopped.map((status) => ({
      type: 'container',
      text: `container ${status.name}   ${describeStopped(status)}`,
      children: [],
    })),
  ];
}

/** Pods, Services and Nodes that have the address. */
export function objectsWithAddress(address: string, context: LookContext): Look[] {
  const { pods, services, nodes } = context.snapshot.objects;
  const found: KubeObject[] = [
    ...services.filter(
      ({ spec, status }) =>
        spec.clusterIPs?.includes(address) || status?.loadBalancer?.ingress?.some(({ ip }) => ip === address),
    ),
    ...pods.filter(({ status }) => status?.podIP === address),
    ...nodes.filter(({ status }) => status?.addresses?.some((its) => its.address === address)),
  ];
  return found.flatMap(({ kind, metadata }) => lookAtObject(kind, metadata.name, context, metadata.namespace));
}
