import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pod, readySince, startMs } from '../testing.ts';
import { limitScale, replicasFor } from './plan-scale.ts';

const pods = (count: number, ready = true) =>
  Array.from({ length: count }, (_, i) =>
    pod(`p${i}`, {
      ...(ready ? readySince(0) : { status: { phase: 'Running' } }),
      spec: { containers: [{ name: 'c', resources: { requests: { cpu: '100m' } } }] },
    } as never),
  );
const usage = (...milli: number[]) => new Map(milli.map((value, i) => [`p${i}`, value]));
const half = { resource: 'cpu', utilization: 50 };

test('replicas follow the ratio of usage and target, and stay within a tenth of it', () => {
  assert.deepEqual(replicasFor(2, pods(2), usage(100, 100), half), {
    replicas: 4,
    utilization: 100,
    averageMilli: 100,
  });
  assert.equal(replicasFor(2, pods(2), usage(52, 52), half).replicas, 2);
  assert.equal(replicasFor(4, pods(4), usage(10, 10, 10, 10), half).replicas, 1);
  assert.equal(replicasFor(2, pods(2), usage(300, 300), { resource: 'cpu', averageMilli: 200 }).replicas, 3);
});

test('Pods without a measurement count as idle when growing and as fully used when shrinking', () => {
  assert.equal(replicasFor(3, pods(3), usage(100, 100), half).replicas, 4);
  assert.equal(replicasFor(3, pods(3), usage(25, 25), half).replicas, 2);
  assert.throws(() => replicasFor(1, pods(1, false), usage(1), half), /did not receive metrics/);
});

test('growth is limited a period, shrinking waits for the window, bounds hold', () => {
  const limit = (current: number, desired: number, recommended: number[] = [], spec = {}) => {
    const recommendations = recommended.map((replicas) => ({ atMs: startMs - 1000, replicas }));
    const all = { maxReplicas: 30, scaleTargetRef: { kind: 'Deployment', name: 'd' }, ...spec };
    return limitScale(all, current, desired, { recommendations, events: [] }, startMs);
  };
  assert.deepEqual(limit(2, 20), { replicas: 6, stabilized: undefined, limit: 'ScaleUpLimit' });
  assert.deepEqual(limit(10, 2, [8]), { replicas: 8, stabilized: 'down', limit: undefined });
  assert.deepEqual(limit(20, 50), { replicas: 30, stabilized: undefined, limit: 'TooManyReplicas' });
  assert.deepEqual(limit(5, 0), { replicas: 1, stabilized: undefined, limit: 'TooFewReplicas' });
  assert.equal(limit(5, 1, [], { behavior: { scaleDown: { selectPolicy: 'Disabled' } } }).replicas, 5);
});
