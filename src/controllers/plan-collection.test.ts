import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pods, replicaSets } from '../api/resource.ts';
import { OwnerGraph } from './owner-graph.ts';
import { planCollection } from './plan-collection.ts';
import { made } from './testing.ts';

const owned = (name: string, ...owners: string[]) =>
  made('Pod', name, {
    metadata: {
      ownerReferences: owners.map((uid) => ({
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: uid,
        uid,
        blockOwnerDeletion: true,
      })),
    },
  } as never);
const deleting = (name: string, finalizer: string) =>
  made('ReplicaSet', name, {
    metadata: { uid: name, deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [finalizer] },
  } as never);

const planOf = (uid: string, build: (graph: OwnerGraph) => void) => {
  const graph = new OwnerGraph();
  build(graph);
  return planCollection(graph.get(uid)!, graph);
};

test('an object whose owner is gone goes, one with another owner only loses the reference', () => {
  assert.deepEqual(planOf('uid-p', (graph) => graph.set(pods, owned('p', 'a'))).confirm.length, 1);
  const gone = (graph: OwnerGraph) => graph.markAbsent('a');
  const alone = planOf('uid-p', (graph) => {
    graph.set(pods, owned('p', 'a'));
    gone(graph);
  });
  assert.equal(alone.deleteSelf, 'Background');
  const shared = planOf('uid-p', (graph) => {
    graph.set(replicaSets, made('ReplicaSet', 'b', { metadata: { uid: 'b' } } as never));
    graph.set(pods, owned('p', 'a', 'b'));
    gone(graph);
  });
  assert.deepEqual([shared.deleteSelf, shared.dropOwners], [undefined, ['a']]);
});

test('foreground deletion waits for dependents that block it; orphaning lets them go', () => {
  const waiting = planOf('a', (graph) => {
    graph.set(replicaSets, deleting('a', 'foregroundDeletion'));
    graph.set(pods, owned('p', 'a'));
  });
  assert.deepEqual([waiting.deleteDependents.map((one) => one.name), waiting.removeFinalizer], [['p'], undefined]);
  const done = planOf('a', (graph) => graph.set(replicaSets, deleting('a', 'foregroundDeletion')));
  assert.equal(done.removeFinalizer, 'foregroundDeletion');
  const orphaning = planOf('a', (graph) => {
    graph.set(replicaSets, deleting('a', 'orphan'));
    graph.set(pods, owned('p', 'a'));
  });
  assert.deepEqual([orphaning.orphan.map((one) => one.name), orphaning.removeFinalizer], [['p'], 'orphan']);
});
