import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerFacts, NodeFacts } from './node-facts.ts';
import { planNodeCheck } from './plan-node-check.ts';

const container: ContainerFacts = {
  id: 'c',
  sandbox: 's',
  state: 'running',
  processAlive: true,
  monitorAlive: true,
  rootMounted: true,
  cgroupExists: true,
  exitNoted: false,
};
/** One Pod with one container, as it should be. */
const healthy: NodeFacts = {
  sandboxes: [{ id: 's', pod: 'u', cgroupExists: true, link: 'vt-s', unpinned: [] }],
  containers: [container],
  mounts: [{ target: '/run/c/rootfs', owner: { container: 'c' } }],
  remains: [{ path: '/state/u', owner: { pod: 'u' } }],
  monitors: [{ pid: 7, container: 'c' }],
  links: ['vt-s'],
  shapers: [{ name: 'vb-s', link: 'vt-s' }],
  addresses: new Map([['s', '10.0.0.2']]),
  routed: new Set(['10.0.0.2']),
  podCgroups: [{ path: '/kubepods/podu', uid: 'u' }],
  network: { link: true, tables: ['t'], missingTables: [] },
  pods: new Map([['u', { name: 'default/p', phase: 'Running', running: ['c'], terminating: false }]]),
};
const ended: ContainerFacts = {
  ...container,
  ...{ state: 'exited', processAlive: false, monitorAlive: false, rootMounted: false, cgroupExists: false },
};
const found = (facts: NodeFacts) =>
  planNodeCheck(facts).map(({ area, about, problem }) => `${area} ${about}: ${problem}`);

test('a node as it should be has nothing off; nor one without an API, or with a container that has ended', () => {
  assert.deepEqual(found(healthy), []);
  assert.deepEqual(found({ ...healthy, pods: undefined, remains: [{ path: '/x', owner: { pod: 'other' } }] }), []);
  const pods = new Map([['u', { name: 'default/p', phase: 'Failed', running: [], terminating: false }]]);
  assert.deepEqual(found({ ...healthy, containers: [ended], monitors: [], pods }), []);
});

const rows: [sentence: string, change: Partial<NodeFacts>, wanted: string[]][] = [
  [
    'a monitor that was killed',
    { containers: [{ ...container, monitorAlive: false }], monitors: [] },
    ['container c: is noted as running, but its monitor is gone'],
  ],
  [
    'a container that was made and never started',
    { containers: [{ ...container, state: 'created' }] },
    ['container c: was made and never started'],
  ],
  [
    'remains of a container that has ended',
    { containers: [{ ...ended, rootMounted: true, cgroupExists: true }], monitors: [], pods: undefined },
    ['container c: has ended, but its root is still mounted', 'container c: has ended, but its cgroup is still there'],
  ],
  [
    'what belongs to nobody, of every kind',
    {
      mounts: [{ target: '/m', owner: { sandbox: 'x' } }],
      remains: [{ path: '/d', owner: { pod: 'x' } }],
      monitors: [{ pid: 9, container: 'x' }],
      podCgroups: [{ path: '/g', uid: 'x' }],
      links: ['vt-s', 'vt-x'],
      shapers: [{ name: 'vb-y', link: 'vt-y' }],
      addresses: new Map([...healthy.addresses, ['x', '10.0.0.9']]),
    },
    [
      'mount /m: belongs to nobody',
      'disk /d: belongs to nobody',
      'process 9: watches x that nobody knows',
      'cgroup /g: belongs to nobody',
      'network vt-x: the link belongs to nobody',
      'network vb-y: the link belongs to nobody',
      'network 10.0.0.9: is given to sandbox x, which is gone',
    ],
  ],
  [
    'a Pod without its network',
    { links: [], routed: new Set(), network: { link: false, tables: [], missingTables: ['t'] } },
    [
      "network node: the cluster's own link is missing",
      'network t: the nftables table is missing',
      'network vt-s: the link of sandbox s is missing',
      'network 10.0.0.2: no route leads to it (sandbox s)',
    ],
  ],
  [
    'a sandbox that has lost its namespaces',
    { sandboxes: [{ id: 's', pod: 'u', cgroupExists: false, link: 'vt-s', unpinned: ['net'] }] },
    ['sandbox s: its cgroup is gone', 'sandbox s: its net namespace is not pinned'],
  ],
  ['a Pod that the API does not know', { pods: new Map() }, ['api s: the API knows no Pod u on this node']],
  [
    'a container of which only the API says that it runs',
    { pods: new Map([['u', { name: 'default/p', phase: 'Running', running: ['c', 'x'], terminating: false }]]) },
    ['api default/p: the API says that container x runs, which it does not'],
  ],
];
for (const [sentence, change, wanted] of rows)
  test(sentence, () => assert.deepEqual(found({ ...healthy, ...change }), wanted));
