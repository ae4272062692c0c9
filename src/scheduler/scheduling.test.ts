import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../api/generated/policy-v1.ts';
import type { CSINode } from '../api/generated/storage-v1.ts';
import type { KubeObject } from '../api/object.ts';
import { FakeClock } from '../base/clock.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { ClusterSnapshot } from './cluster-snapshot.ts';
import { planPlacement } from './plan-placement.ts';
import { planPreemption } from './plan-preemption.ts';
import type { SchedulingContext } from './plugin.ts';
import { allPlugins } from './plugins/all.ts';
import { SchedulingQueue } from './scheduling-queue.ts';

function made<T extends KubeObject>(kind: string, name: string, rest: object): T {
  const { metadata, ...fields } = rest as { metadata?: object };
  const base = { name, namespace: 'x', uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  return { apiVersion: 'v1', kind, metadata: { ...base, ...metadata }, ...fields } as unknown as T;
}
const node = (name: string, { labels = {}, spec = {}, cpu = '2', pods = '10' } = {}) =>
  made<Node>('Node', name, {
    metadata: { namespace: undefined, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec,
    status: { allocatable: { cpu, memory: '1Gi', pods } },
  });
const pod = (
  name: string,
  {
    cpu = '0',
    nodeName = undefined as string | undefined,
    ...spec
  }: Record<string, unknown> & { cpu?: string; nodeName?: string } = {},
  rest = {},
) =>
  made<Pod>('Pod', name, {
    spec: { nodeName, containers: [{ name: 'c', resources: { requests: { cpu } } }], ...spec },
    ...rest,
  });

const nothing: ClusterObjects = {
  claim: () => undefined,
  volume: () => undefined,
  volumes: () => [],
  storageClass: () => undefined,
  csiNode: () => undefined,
  budgets: () => [],
  devices: {
    claim: () => undefined,
    deviceClass: () => undefined,
    devices: () => undefined,
    assume: () => {},
    forget: () => {},
    isAssumed: () => false,
    whenSynced: () => Promise.resolve(),
  },
};
function context(
  nodes: Node[],
  pods: Pod[] = [],
  objects: Partial<ClusterObjects> = {},
  nominated: Pod[] = [],
): SchedulingContext {
  const snapshot = new ClusterSnapshot();
  for (const one of nodes) snapshot.setNode(one);
  for (const one of pods) snapshot.setPod(one);
  return {
    nodes: snapshot.nodes(),
    namespaceLabels: () => ({}),
    objects: { ...nothing, ...objects },
    nominated: (name) => nominated.filter((one) => one.status?.nominatedNodeName === name),
  };
}
const place = (one: Pod, where: SchedulingContext) => {
  const placement = planPlacement(one, where, allPlugins, () => 0);
  return placement.node ?? placement.message;
};

const cordoned = node('cordoned', { spec: { unschedulable: true } });
const tainted = node('tainted', { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } });
const claim = (rest: object) => made<PersistentVolumeClaim>('PersistentVolumeClaim', 'data', rest);
const withClaim = { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] };
const otherClaim = { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'other' } }] };
/** Each claim has a volume of a driver of which the node takes so many. */
const withCsi = (count: number): Partial<ClusterObjects> => ({
  claim: (key) => claim({ spec: { volumeName: key }, ...bound }),
  volume: (name) =>
    made<PersistentVolume>('PersistentVolume', name, {
      spec: { csi: { driver: 'd.example.com', volumeHandle: name } },
    }),
  csiNode: (name) =>
    made<CSINode>('CSINode', name, {
      spec: { drivers: [{ name: 'd.example.com', nodeID: 'n', topologyKeys: [], allocatable: { count } }] },
    }),
});
const bound = { metadata: { name: 'c', annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } } };
const pinned = (hostname: string) =>
  made<PersistentVolume>('PersistentVolume', 'pv', {
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'late',
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [hostname] }] },
          ],
        },
      },
    },
    status: { phase: 'Available' },
  });
const lateClaim = claim({
  spec: { storageClassName: 'late', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
});
const late = (provisioner: string) =>
  made<never>('StorageClass', 'late', { provisioner, volumeBindingMode: 'WaitForFirstConsumer' });

const rows: [why: string, Pod, SchedulingContext, expected: string][] = [
  ['no node at all', pod('p'), context([]), 'no nodes available to schedule pods'],
  [
    'an emptier node is better',
    pod('p', { cpu: '1' }),
    context([node('a'), node('b')], [pod('q', { cpu: '1', nodeName: 'a' })]),
    'b',
  ],
  [
    'each node says why, counted and sorted',
    pod('p', { cpu: '3' }),
    context([cordoned, tainted, node('a'), node('b')]),
    '0/4 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable, 2 Insufficient cpu.',
  ],
  [
    'too many Pods',
    pod('p'),
    context([node('a', { pods: '1' })], [pod('q', { nodeName: 'a' })]),
    '0/1 nodes are available: 1 Too many pods.',
  ],
  [
    'a resource that no node has',
    made('Pod', 'p', { spec: { containers: [{ name: 'c', resources: { requests: { 'example.com/gpu': '1' } } }] } }),
    context([node('a')]),
    '0/1 nodes are available: 1 Insufficient example.com/gpu.',
  ],
  [
    'node selector',
    pod('p', { nodeSelector: { disk: 'ssd' } }),
    context([node('a')]),
    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
  ],
  ['tolerated taint', pod('p', { tolerations: [{ key: 'k', operator: 'Exists' }] }), context([tainted]), 'tainted'],
  [
    'a claim that is not there',
    pod('p', withClaim),
    context([node('a')]),
    '0/1 nodes are available: persistentvolumeclaim "data" not found.',
  ],
  [
    'a claim that should be bound',
    pod('p', withClaim),
    context([node('a')], [], { claim: () => claim({ spec: {} }) }),
    '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
  ],
  [
    'the node where a volume is',
    pod('p', withClaim),
    context([node('a'), node('b')], [], {
      claim: () => lateClaim,
      volumes: () => [pinned('b')],
      storageClass: () => late('kubernetes.io/no-provisioner'),
    }),
    'b',
  ],
  [
    'no volume on any node',
    pod('p', withClaim),
    context([node('a')], [], {
      claim: () => lateClaim,
      volumes: () => [pinned('b')],
      storageClass: () => late('kubernetes.io/no-provisioner'),
    }),
    "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind.",
  ],
  [
    'a volume can be made anywhere',
    pod('p', withClaim),
    context([node('a')], [], { claim: () => lateClaim, storageClass: () => late('x') }),
    'a',
  ],
  [
    'more volumes of a driver than the node takes',
    pod('p', withClaim),
    context([node('a')], [pod('q', { nodeName: 'a', ...otherClaim })], withCsi(1)),
    '0/1 nodes are available: 1 node(s) exceed max volume count.',
  ],
  [
    'as many volumes of a driver as the node takes',
    pod('p', withClaim),
    context([node('a')], [pod('q', { nodeName: 'a', ...otherClaim })], withCsi(2)),
    'a',
  ],
  [
    'a volume that another Pod of the full node has already',
    pod('p', withClaim),
    context([node('a')], [pod('q', { nodeName: 'a', ...withClaim })], withCsi(1)),
    'a',
  ],
  [
    'room that is promised to another',
    pod('p', { cpu: '2' }),
    context([node('a')], [], {}, [pod('n', { cpu: '1', priority: 5 }, { status: { nominatedNodeName: 'a' } })]),
    '0/1 nodes are available: 1 Insufficient cpu.',
  ],
];
for (const [why, one, where, expected] of rows)
  test(`placement: ${why}`, () => assert.equal(place(one, where), expected));

test('preemption takes the cheapest victims, and rather those that no budget protects', () => {
  const low = (name: string, nodeName: string, priority: number, labels = {}) =>
    pod(name, { cpu: '2', nodeName, priority }, { metadata: { labels } });
  const high = pod('p', { cpu: '2', priority: 100 });
  const plan = (pods: Pod[], objects: Partial<ClusterObjects> = {}) => {
    const where = context([node('a'), node('b')], pods, objects);
    const found = planPreemption(high, where.nodes, where, allPlugins);
    return found && `${found.node}: ${found.victims.map((one) => one.metadata.name)}`;
  };
  assert.equal(plan([low('q', 'a', 10), low('r', 'b', 5)]), 'b: r');
  assert.equal(plan([low('q', 'a', 100), low('r', 'b', 200)]), undefined);
  const budget = made<PodDisruptionBudget>('PodDisruptionBudget', 'b', {
    spec: { selector: { matchLabels: { app: 'db' } } },
    status: { disruptionsAllowed: 0 },
  });
  assert.equal(plan([low('q', 'a', 10), low('r', 'b', 5, { app: 'db' })], { budgets: () => [budget] }), 'a: q');
});

test('the queue hands out the most important first, and tries again after a change and a back-off', async () => {
  const clock = new FakeClock();
  const queue = new SchedulingQueue(clock);
  queue.add('x/low', 0);
  queue.add('x/high', 10);
  assert.equal(await queue.next(), 'x/high');
  assert.equal(await queue.next(), 'x/low');
  queue.addUnschedulable('x/low', 0, queue.moves);
  queue.moveAll();
  const next = queue.next();
  clock.advance(1000);
  assert.equal(await next, 'x/low');
  queue.close();
  assert.equal(await queue.next(), undefined);
});
