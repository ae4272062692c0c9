import type { FlowSchema, PriorityLevelConfiguration, Subject } from '../../api/generated/flowcontrol-v1.ts';
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '../../api/kinds/flow-control-mandatory.ts';
import type { Draft } from '../../api/object.ts';
import { groups } from '../authentication/groups.ts';

/** apiserver pkg/apis/flowcontrol/bootstrap/default.go. Shares, lendable percent, and queues where requests wait. */
const levels: Record<string, { shares: number; lendable: number; queues: [queues: number, handSize: number] }> = {
  system: { shares: 30, lendable: 33, queues: [64, 6] },
  'node-high': { shares: 40, lendable: 25, queues: [64, 6] },
  'leader-election': { shares: 10, lendable: 0, queues: [16, 4] },
  'workload-high': { shares: 40, lendable: 50, queues: [128, 6] },
  'workload-low': { shares: 100, lendable: 90, queues: [128, 6] },
  'global-default': { shares: 20, lendable: 50, queues: [128, 6] },
};

const metadata = (name: string) => ({
  name,
  annotations: { 'apf.kubernetes.io/autoupdate-spec': 'true' },
});

export function defaultPriorityLevels(): Draft<PriorityLevelConfiguration>[] {
  const limited = Object.entries(levels).map(([name, { shares, lendable, queues }]) => ({
    metadata: metadata(name),
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: shares,
        lendablePercent: lendable,
        limitResponse: {
          type: 'Queue',
          queuing: { queues: queues[0], handSize: queues[1], queueLengthLimit: 50 },
        },
      },
    },
  }));
  return [...mandatory(mandatoryPriorityLevels), ...limited] as Draft<PriorityLevelConfiguration>[];
}

/** Copies: whoever creates objects changes them. */
function mandatory<Spec>(specs: Record<string, Spec>): { metadata: ReturnType<typeof metadata>; spec: Spec }[] {
  return Object.entries(specs).map(([name, spec]) => ({ metadata: metadata(name), spec: structuredClone(spec) }));
}

const user = (name: string) => ({ kind: 'User', user: { name } }) as Subject;
const group = (name: string) => ({ kind: 'Group', group: { name } }) as Subject;
const account = (name: string) =>
  ({ kind: 'ServiceAccount', serviceAccount: { name, namespace: 'kube-system' } }) as Subject;

const everyone = [group(groups.unauthenticated), group(groups.authenticated)];
const allPaths = { verbs: ['*'], nonResourceURLs: ['*'] };
const everything = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true }],
  nonResourceRules: [allPaths],
};
const locks = (namespaces: string[]) => ({
  resourceRules: [
    {
      verbs: ['get', 'create', 'update'],
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      namespaces,
    },
  ],
});
const nodeHeartbeats = {
  resourceRules: [
    {
      verbs: ['*'],
      apiGroups: [''],
      resources: ['nodes', 'nodes/status'],
      namespaces: ['*'],
      clusterScope: true,
    },
    { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] },
  ],
};
const endpointWrites = {
  resourceRules: [{ verbs: ['get', 'create', 'update'], apiGroups: [''], resources: ['endpoints'], namespaces: ['*'] }],
};
const probes = { nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }] };

type Row = [name: string, level: string, precedence: number, distinguisher: string, subjects: Subject[], rules: object];

const schemas: Row[] = [
  ['probes', 'exempt', 2, '', everyone, probes],
  [
    'system-leader-election',
    'leader-election',
    100,
    'ByUser',
    [user('system:kube-controller-manager'), user('system:kube-scheduler'), account('*')],
    locks(['*']),
  ],
  [
    'endpoint-controller',
    'workload-high',
    150,
    'ByUser',
    [
      user('system:kube-controller-manager'),
      account('endpoint-controller'),
      account('endpointslicemirroring-controller'),
    ],
    endpointWrites,
  ],
  ['workload-leader-election', 'leader-election', 200, 'ByUser', [account('*')], locks(['*'])],
  ['system-node-high', 'node-high', 400, 'ByUser', [group(groups.nodes)], nodeHeartbeats],
  ['system-nodes', 'system', 500, 'ByUser', [group(groups.nodes)], everything],
  [
    'kube-controller-manager',
    'workload-high',
    800,
    'ByNamespace',
    [user('system:kube-controller-manager')],
    everything,
  ],
  ['kube-scheduler', 'workload-high', 800, 'ByNamespace', [user('system:kube-scheduler')], everything],
  ['kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', [account('*')], everything],
  ['service-accounts', 'workload-low', 9000, 'ByUser', [group(groups.serviceAccounts)], everything],
  ['global-default', 'global-default', 9900, 'ByUser', everyone, everything],
];

export function defaultFlowSchemas(): Draft<FlowSchema>[] {
  const suggested = schemas.map(([name, level, matchingPrecedence, distinguisher, subjects, rules]) => ({
    metadata: metadata(name),
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence,
      ...(distinguisher ? { distinguisherMethod: { type: distinguisher } } : {}),
      rules: [{ subjects, ...rules }],
    },
  }));
  return [...mandatory(mandatoryFlowSchemas), ...suggested];
}
