import type { Pod, Service } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { podPhase } from '../pod-phase.ts';
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
    const totals = totalsOf(podsOf(node));
    const pod = kind === 'Pod' ? snapshot.pods.get(object.metadata.uid) : undefined;
    return {
      type: 'object',
      title: `${kind} ${object.metadata.namespace ? `${object.metadata.namespace}/` : ''}${name}`,
      above: pod ? podSteps(pod, snapshot, false) : [],
      facts: [
        ...objectFacts(object),
        {
          name: 'made of',
          value: `${totals.pods} Pods, ${totals.containers} containers, ${totals.processes} processes, ${totals.threads} threads`,
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
  if (nodes.length < 2) return ruleGroup('nft rules', rulesOf(service));
  return nodes.flatMap((node) => ruleGroup(`nft rules on node ${node.metadata.name}`, rulesOf(service, node)));
}

function ruleGroup(name: string, rules: ServiceRule[] | undefined): LookNode[] {
  if (!rules) return [{ type: 'group', text: `${name}: cannot be seen from here`, children: [] }];
  if (rules.length === 0) return [{ type: 'group', text: `no ${name}`, children: [] }];
  return group(
    name,
    rules.map(({ table, in: name, match, endpoints, verdicts }) => {
      const shown = endpoints.length > 4 ? [...endpoints.slice(0, 3), `… (${endpoints.length})`] : endpoints;
      const end = [...shown, ...verdicts].join(' ') || 'refused';
      return { type: 'rule', text: `table ${table}, ${name}: ${match} → ${end}`, children: [] };
    }),
  );
}

function objectFacts(object: KubeObject): Look['facts'] {
  const facts = [
    { name: 'created', value: object.metadata.creationTimestamp },
    ...(object.metadata.labels
      ? [
          {
            name: 'labels',
            value: Object.entries(object.metadata.labels)
              .map(([key, value]) => `${key}=${value}`)
              .join(', '),
          },
        ]
      : []),
  ];
  if (object.kind === 'Pod') {
    const pod = object as Pod;
    return [
      { name: 'state', value: podPhase(pod) },
      { name: 'address', value: pod.status?.podIP ?? '-' },
      { name: 'node', value: pod.spec.nodeName ?? '-' },
      ...facts,
    ];
  }
  if (object.kind === 'Service') {
    const { spec } = object as Service;
    const ports = (spec.ports ?? []).map(
      ({ port, targetPort, protocol = 'TCP', nodePort }) =>
        `${port}→${targetPort ?? port}/${protocol}${nodePort ? ` (node port ${nodePort})` : ''}`,
    );
    return [
      { name: 'type', value: spec.type ?? 'ClusterIP' },
      { name: 'address', value: spec.clusterIP ?? '-' },
      { name: 'ports', value: ports.join(', ') },
      ...facts,
    ];
  }
  return facts;
}

function treeNode(node: ObjectNode, context: LookContext): LookNode {
  const { kind, object, pod } = node;
  const state = pod ? `   ${podPhase(pod.object)}` : '';
  return {
    type: 'object',
    text: `${kind} ${object.metadata.name}${state}`,
    children: pod ? containerNodes(node, context) : node.children.map((child) => treeNode(child, context)),
  };
}

function containerNodes({ pod }: ObjectNode, context: LookContext): LookNode[] {
  return (pod?.containers ?? []).map((container) => {
    const { title, below } = lookAtContainer(container, context);
    return { type: 'container', text: title, children: below };
  });
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
