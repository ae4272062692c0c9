import assert from 'node:assert/strict';
import { test } from 'node:test';
import { search } from './search.ts';
import { makeSnapshot, makeWorld } from './testing.ts';

test('a delta replaces, adds and removes, and tells who used the CPU meanwhile', () => {
  const world = makeWorld(2, 2);
  const { processes } = makeSnapshot(2, 2);
  const first = processes[0]!;
  const threads = first.threads.map((thread, i) => [...thread].with(3, i === 1 ? 50 : 0) as typeof thread);
  world.apply({
    schema: 'vitrine/live-delta/v1',
    takenAtMs: 1e6 + 1000,
    objects: [],
    containers: [],
    processes: [{ ...first, cpuTicks: 50, threads }],
    gone: ['pod-1'],
  });
  assert.equal(world.objects.has('pod-1'), false);
  assert.equal(world.cpu.get(first.id), 0.5);
  assert.equal(world.cpu.get('t1001.5'), 0.5);
  assert.equal(world.cpu.has('t1000.5'), false);
  assert.deepEqual(world.history.of(first.id)?.cpu, [0.5]);
});

test('a search wants all words and puts names first', () => {
  const world = makeWorld(3, 1);
  assert.equal(search(world, 'web-1-2')[0]?.id, 'pod-2');
  assert.equal(search(world, 'WEB service')[0]?.id, 'svc');
  assert.equal(search(world, '2000')[0]?.id, 'p2000.5');
  assert.deepEqual(search(world, 'web nothing'), []);
});
