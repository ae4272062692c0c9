import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinResources } from '../resource.ts';
import { columnsFor } from './columns.ts';

const now = Date.parse('2024-01-01T01:00:00Z');
const metadata = { name: 'x', uid: 'u', resourceVersion: '1', creationTimestamp: '2024-01-01T00:58:55Z' };

function cells(type: string, object: object): unknown[] {
  const columns = columnsFor(type);
  const row = columns.cells({ apiVersion: 'v1', kind: 'X', metadata, ...object } as never, now);
  assert.equal(row.length, columns.definitions.length, 'a cell a column');
  return row;
}

test('every built-in kind has as many cells as columns, even when the object is empty', () => {
  for (const { type } of builtinResources) if (type) cells(type, {});
});

const c = (name: string, more: object = {}) => ({
  name,
  ready: false,
  restartCount: 0,
  image: '',
  imageID: '',
  ...more,
});
const running = { state: { running: {} }, ready: true };

/** What the Pod is like, spec, status, then READY, STATUS and RESTARTS. */
const pods: [string, object, object, string, string, string, string?][] = [
  ['pending', { containers: [{}] }, { phase: 'Pending' }, '0/1', 'Pending', '0'],
  [
    'running',
    { containers: [{}, {}] },
    { phase: 'Running', containerStatuses: [c('a', running), c('b', running)] },
    '2/2',
    'Running',
    '0',
  ],
  [
    'crashing',
    { containers: [{}] },
    {
      phase: 'Running',
      containerStatuses: [
        c('a', {
          restartCount: 3,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 1, finishedAt: '2024-01-01T00:59:55Z' } },
        }),
      ],
    },
    '0/1',
    'CrashLoopBackOff',
    '3 (5s ago)',
  ],
  [
    'completed',
    { containers: [{}] },
    {
      phase: 'Succeeded',
      containerStatuses: [c('a', { state: { terminated: { exitCode: 0, reason: 'Completed' } } })],
    },
    '0/1',
    'Completed',
    '0',
  ],
  [
    'killed by a signal',
    { containers: [{}] },
    { phase: 'Failed', containerStatuses: [c('a', { state: { terminated: { exitCode: 137, signal: 9 } } })] },
    '0/1',
    'Signal:9',
    '0',
  ],
  [
    'half completed',
    { containers: [{}, {}] },
    {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'False' }],
      containerStatuses: [c('a', { state: { terminated: { exitCode: 0, reason: 'Completed' } } }), c('b', running)],
    },
    '1/2',
    'NotReady',
    '0',
  ],
  [
    'initializing',
    { containers: [{}], initContainers: [{ name: 'i' }, { name: 'j' }] },
    {
      phase: 'Pending',
      initContainerStatuses: [c('i', { state: { terminated: { exitCode: 0 } } }), c('j', { state: { running: {} } })],
    },
    '0/1',
    'Init:1/2',
    '0',
  ],
  [
    'failing to initialize',
    { containers: [{}], initContainers: [{ name: 'i' }] },
    {
      phase: 'Pending',
      initContainerStatuses: [c('i', { restartCount: 2, state: { terminated: { exitCode: 1, reason: 'Error' } } })],
    },
    '0/1',
    'Init:Error',
    '2',
  ],
  [
    'with a sidecar',
    { containers: [{}], initContainers: [{ name: 's', restartPolicy: 'Always' }] },
    {
      phase: 'Running',
      initContainerStatuses: [c('s', { ...running, started: true })],
      containerStatuses: [c('a', running)],
    },
    '2/2',
    'Running',
    '0',
  ],
  [
    'being deleted',
    { containers: [{}] },
    { phase: 'Running', containerStatuses: [c('a', running)] },
    '1/1',
    'Terminating',
    '0',
    metadata.creationTimestamp,
  ],
  [
    'gated',
    { containers: [{}] },
    { phase: 'Pending', conditions: [{ type: 'PodScheduled', reason: 'SchedulingGated', status: 'False' }] },
    '0/1',
    'SchedulingGated',
    '0',
  ],
];
for (const [what, spec, status, ready, reason, restarts, deletionTimestamp] of pods) {
  test(`a Pod that is ${what} shows ${ready} ${reason} ${restarts}`, () => {
    const row = cells('core/v1.Pod', { metadata: { ...metadata, deletionTimestamp }, spec, status });
    assert.deepEqual(row.slice(0, 5), ['x', ready, reason, restarts, '65s']);
  });
}

const rows: [string, object, unknown[]][] = [
  [
    'apps/v1.Deployment',
    {
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: 'x' } },
        template: { spec: { containers: [{ name: 'a', image: 'i' }] } },
      },
      status: { readyReplicas: 1, updatedReplicas: 3, availableReplicas: 1 },
    },
    ['x', '1/3', 3, 1, '65s', 'a', 'i', 'app=x'],
  ],
  [
    'core/v1.Service',
    {
      spec: {
        type: 'LoadBalancer',
        clusterIPs: ['10.0.0.1'],
        ports: [
          { port: 80, nodePort: 30080, protocol: 'TCP' },
          { port: 53, protocol: 'UDP' },
        ],
        selector: { app: 'x' },
      },
    },
    ['x', 'LoadBalancer', '10.0.0.1', '<pending>', '80:30080/TCP,53/UDP', '65s', 'app=x'],
  ],
  [
    'core/v1.Service',
    {
      spec: { type: 'LoadBalancer', clusterIPs: ['10.0.0.1'] },
      status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
    },
    ['x', 'LoadBalancer', '10.0.0.1', '1.2.3.4', '<none>', '65s', '<none>'],
  ],
  [
    'core/v1.Endpoints',
    { subsets: [{ addresses: [1, 2, 3, 4].map((n) => ({ ip: `10.0.0.${n}` })), ports: [{ port: 80 }] }] },
    ['x', '10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...', '65s'],
  ],
  [
    'discovery/v1.EndpointSlice',
    { addressType: 'IPv4', ports: [{ port: 80 }], endpoints: [] },
    ['x', 'IPv4', '80', '<unset>', '65s'],
  ],
  [
    'core/v1.Node',
    {
      metadata: { ...metadata, labels: { 'node-role.kubernetes.io/control-plane': '' } },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { kubeletVersion: 'v1.36.4' },
        addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      },
    },
    [
      'x',
      'Ready,SchedulingDisabled',
      'control-plane',
      '65s',
      'v1.36.4',
      '10.0.0.1',
      '<none>',
      '<unknown>',
      '<unknown>',
      '<unknown>',
    ],
  ],
  [
    'core/v1.Event',
    {
      type: 'Warning',
      reason: 'R',
      message: ' m ',
      involvedObject: { kind: 'Pod', name: 'p', fieldPath: 'f' },
      source: { component: 'kubelet', host: 'n' },
      firstTimestamp: '2024-01-01T00:00:00Z',
      lastTimestamp: '2024-01-01T00:59:50Z',
      count: 4,
    },
    ['10s', 'Warning', 'R', 'pod/p', 'f', 'kubelet, n', 'm', '60m', 4, 'x'],
  ],
  [
    'batch/v1.Job',
    { spec: { completions: 2 }, status: { succeeded: 1, startTime: '2024-01-01T00:59:00Z' } },
    ['x', 'Running', '1/2', '60s', '65s', '', '', '<none>'],
  ],
  ['rbac/v1.Role', {}, ['x', metadata.creationTimestamp]],
  [
    'rbac/v1.RoleBinding',
    {
      roleRef: { kind: 'Role', name: 'r' },
      subjects: [
        { kind: 'User', name: 'u' },
        { kind: 'ServiceAccount', namespace: 'n', name: 's' },
      ],
    },
    ['x', 'Role/r', '65s', 'u', '', 'n/s'],
  ],
];
for (const [type, object, expected] of rows) {
  test(`${type} shows ${expected.slice(1, 4).join(' ')}`, () => assert.deepEqual(cells(type, object), expected));
}
