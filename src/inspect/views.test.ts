import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLabelSelector } from '../api/selectors.ts';
import { printable, printableJson } from './printable.ts';
import { overviewTree, parseReference, podsOf, resolveTree, totalsOf } from './resolve.ts';
import { forest, selectProcesses, sortProcesses } from './select-processes.ts';
import { containerId, snapshotOf, webHost, webObjects } from './testing.ts';

const web = () =>
  snapshotOf(webHost(), webObjects([{ name: 'web-1-b' }, { name: 'web-1-a', containerId: containerId('a') }]));
const pids = (processes: { pid: number }[]) => processes.map(({ pid }) => pid);

test('selection: the Pods of the cluster, or what is asked for', () => {
  const snapshot = web();
  const select = (filter: Parameters<typeof selectProcesses>[1]) => pids(selectProcesses(snapshot, filter));
  assert.deepEqual(select({ cluster: 'default' }), [11, 12, 13, 14]);
  assert.deepEqual(select({ cluster: 'other' }), []);
  assert.deepEqual(select({ all: true }), [1, 10, 11, 12, 13, 14]);
  assert.deepEqual(select({ pids: [1, 12] }), [1, 12]);
  assert.deepEqual(select({ namespace: 'kube-system' }), []);
  assert.deepEqual(select({ selector: parseLabelSelector('app=web') }), [11, 12, 13, 14]);
  assert.deepEqual(select({ all: true, users: ['nobody'] }), []);
  assert.deepEqual(select({ pod: 'web-1-b' }), []);
});

test('the forest draws children under their parents as ps f does', () => {
  const entries = forest(selectProcesses(web(), { all: true }));
  assert.deepEqual(
    entries.map(({ process, prefix }) => `${prefix}${process.pid}`),
    ['1', ' \\_ 10', ' |   \\_ 11', ' |       \\_ 12', ' |       \\_ 13', ' \\_ 14'],
  );
});

test('sorting: largest first, equal ones by pid', () => {
  const sorted = sortProcesses(
    selectProcesses(web(), { cluster: 'default' }),
    [{ key: 'threads', descending: true }],
    1e6,
  );
  assert.deepEqual(pids(sorted), [12, 13, 11, 14]);
});

test('kinds are understood as kubectl writes them', () => {
  for (const text of ['svc/x', 'service/x', 'Services/x'])
    assert.deepEqual(parseReference(text), { kind: 'Service', name: 'x' });
  assert.deepEqual(parseReference('deploy.apps/x'), { kind: 'Deployment', name: 'x' });
  assert.throws(() => parseReference('lease/x'), /no tree of "lease"/);
  assert.throws(() => parseReference('x'), /must be KIND\/NAME/);
});

test('a Service’s tree goes by Deployment and ReplicaSet to its Pods, in order of name', () => {
  const outline = (node: ReturnType<typeof resolveTree>): unknown[] => [
    `${node.kind}/${node.object.metadata.name}`,
    ...node.children.map(outline),
  ];
  assert.deepEqual(outline(resolveTree(web(), 'svc/web', 'default')), [
    'Service/web',
    ['Deployment/web', ['ReplicaSet/web-1', ['Pod/web-1-a'], ['Pod/web-1-b']]],
  ]);
  assert.deepEqual(outline(resolveTree(web(), 'deploy/web', 'default')), [
    'Deployment/web',
    ['ReplicaSet/web-1', ['Pod/web-1-a'], ['Pod/web-1-b']],
  ]);
  assert.throws(() => resolveTree(web(), 'svc/web', 'kube-system'), /services "web" not found/);
});

test('totals count each Pod once, and only containers that run', () => {
  const snapshot = web();
  const pods = overviewTree(snapshot).flatMap(podsOf);
  assert.deepEqual(totalsOf([...pods, ...pods]), { pods: 2, containers: 1, processes: 4, threads: 56 });
});

test('no name can drive the terminal', () => {
  assert.equal(printable('a\x1b[2J\nb\u202e\u009b'), 'a?[2J?b??');
  assert.ok(!/[\u007f-\u009f\u202e]/.test(printableJson({ x: '\u009b\u202e\x7f' })));
  assert.equal(JSON.parse(printableJson({ x: '\u009b\u202e\x7f' })).x, '\u009b\u202e\x7f');
});
