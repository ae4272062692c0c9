import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineageOf, pathTo } from './lineage.ts';
import { makeWorld } from './testing.ts';

const world = makeWorld(2, 3);
const above = ['svc', 'deploy', 'rs', 'node'];
const pod0 = ['pod-0', 'c-0', 'p1000.5', 'p999.5'];
const pod1 = ['pod-1', 'c-1', 'p2000.5', 'p1999.5'];

const rows: [what: string, id: string, lit: string[]][] = [
  [
    'a Pod lights its owners, Service and node above, its container, processes and monitor below',
    'pod-0',
    [...above, ...pod0],
  ],
  ['a container lights no other Pod', 'c-1', [...above, ...pod1]],
  ['a process lights its line and its monitor', 'p1000.5', [...above, ...pod0]],
  ['a monitor lights what it watches', 'p999.5', [...above, 'pod-0', 'c-0', 'p999.5']],
  ['a Service lights everything that it leads to', 'svc', [...above, ...pod0, ...pod1]],
  ['a ReplicaSet lights the Service of its Pods', 'rs', [...above, ...pod0, ...pod1]],
  ['a node lights all that runs on it', 'node', ['node', ...pod0, ...pod1]],
];

for (const [what, id, lit] of rows)
  test(what, () => assert.deepEqual([...lineageOf(world, id).ids].sort(), [...lit].sort()));

test('a thread lights its process only in part', () => {
  const { ids, partial } = lineageOf(world, 't1001.5');
  assert.ok(ids.has('t1001.5') && ids.has('svc') && !ids.has('t1002.5'));
  assert.deepEqual([...partial], ['p1000.5']);
});

test('the path to a thread names each storey once, from the Service down', () => {
  assert.deepEqual(pathTo(world, 't1001.5'), ['svc', 'deploy', 'rs', 'pod-0', 'c-0', 'p1000.5', 't1001.5']);
});
