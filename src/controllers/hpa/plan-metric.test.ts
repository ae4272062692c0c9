import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, pod, startMs } from '../testing.ts';
import { defaultTolerance, replicasForPods, replicasForShare, replicasForValue } from './plan-metric.ts';

/** Half an hour after the Pods have started. */
const nowMs = startMs + 1_800_000;

const pods = (count: number, status: object = { phase: 'Running' }) =>
  Array.from({ length: count }, (_, i) =>
    pod(`p${i}`, {
      status: {
        startTime: at(0),
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(1) }],
        ...status,
      },
      spec: { containers: [{ name: 'c', resources: { requests: { cpu: '100m' } } }] },
    } as never),
  );
const usage = (...milli: number[]) =>
  new Map(milli.map((value, i) => [`p${i}`, { milli: value, atMs: nowMs, windowMs: 1000 }]));
const half = { resource: 'cpu', utilization: 50 };
const present = (current: number, all = pods(current)) => ({ current, pods: all, tolerance: defaultTolerance, nowMs });

test('replicas follow the ratio of usage and target, and stay within a tenth of it', () => {
  assert.deepEqual(replicasForPods(present(2), usage(100, 100), half), {
    replicas: 4,
    utilization: 100,
    averageMilli: 100,
  });
  assert.equal(replicasForPods(present(2), usage(52, 52), half).replicas, 2);
  assert.equal(replicasForPods(present(4), usage(10, 10, 10, 10), half).replicas, 1);
  assert.equal(replicasForPods(present(2), usage(300, 300), { resource: 'cpu', averageMilli: 200 }).replicas, 3);
  const exact = { ...present(2), tolerance: { up: 0, down: 0.5 } };
  assert.equal(replicasForPods(exact, usage(52, 52), half).replicas, 3);
  assert.equal(replicasForPods(exact, usage(26, 26), half).replicas, 2);
});

test('Pods without a measurement count as idle when growing and as fully used when shrinking', () => {
  assert.equal(replicasForPods(present(3), usage(100, 100), half).replicas, 4);
  // (25 + 25 + all of the 100 that it asks for) / (3 × 50)
  assert.equal(replicasForPods(present(3), usage(25, 25), half).replicas, 3);
  assert.equal(replicasForPods(present(3), usage(10, 10), half).replicas, 3);
  assert.equal(replicasForPods(present(4), usage(1, 1, 1), { resource: '', averageMilli: 10 }).replicas, 2);
});

test('Pods that have not started up do not count, in the first five minutes and when they were never ready', () => {
  const young = { startTime: new Date(nowMs - 10_000).toISOString() };
  const fresh = { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: new Date(nowMs).toISOString() }] };
  const never = { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: at(1) }] };
  for (const status of [{ phase: 'Pending' }, { ...young, ...fresh }, never])
    assert.throws(() => replicasForPods(present(1, pods(1, status)), usage(500), half), /did not receive metrics/);
  const once = { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: at(100) }] };
  assert.equal(replicasForPods(present(1, pods(1, once)), usage(100), half).replicas, 2);
  assert.throws(() => replicasForPods(present(1, []), usage(), half), /no pods returned by selector/);
});

test('one value for all is shared by the Pods, or is to be at its target', () => {
  assert.equal(replicasForValue(present(3), 150_000, 100_000), 5);
  assert.equal(replicasForValue(present(3), 109_000, 100_000), 3);
  assert.equal(replicasForValue(present(0), 5000, 2000), 3);
  assert.deepEqual(replicasForShare(2, defaultTolerance, 100_000, 20_000), { replicas: 5, averageMilli: 50_000 });
  assert.deepEqual(replicasForShare(5, defaultTolerance, 104_000, 20_000), { replicas: 5, averageMilli: 20_800 });
});
