import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMs } from '../testing.ts';
import { limitScale } from './plan-scale.ts';

const limit = (current: number, desired: number, recommended: number[] = [], spec = {}, changes: number[] = []) => {
  const recommendations = recommended.map((replicas) => ({ atMs: startMs - 1000, replicas }));
  const events = changes.map((change) => ({ atMs: startMs - 1000, change }));
  const all = { maxReplicas: 30, scaleTargetRef: { kind: 'Deployment', name: 'd' }, ...spec };
  return limitScale(all, current, desired, { recommendations, events }, startMs);
};
const percent = (value: number) => ({ type: 'Percent', value, periodSeconds: 15 });
const count = (value: number) => ({ type: 'Pods', value, periodSeconds: 15 });

test('without rules growth is at most to twice as many or four, shrinking waits, bounds hold', () => {
  assert.deepEqual(limit(2, 20), { replicas: 4, stabilized: undefined, limit: 'ScaleUpLimit' });
  assert.deepEqual(limit(5, 20), { replicas: 10, stabilized: undefined, limit: 'ScaleUpLimit' });
  assert.deepEqual(limit(10, 2, [8]), { replicas: 8, stabilized: 'down', limit: undefined });
  assert.deepEqual(limit(20, 50), { replicas: 30, stabilized: undefined, limit: 'TooManyReplicas' });
  assert.deepEqual(limit(5, 0), { replicas: 1, stabilized: undefined, limit: 'TooFewReplicas' });
});

test('rules limit growth and shrinking a period, counting what was done in it', () => {
  const up = { behavior: { scaleUp: { policies: [count(4), percent(100)] } } };
  assert.deepEqual(limit(2, 20, [], up), { replicas: 6, stabilized: undefined, limit: 'ScaleUpLimit' });
  assert.equal(limit(6, 20, [], up, [4]).replicas, 6);
  assert.equal(
    limit(6, 20, [], { behavior: { scaleUp: { ...up.behavior.scaleUp, selectPolicy: 'Min' } } }).replicas,
    10,
  );
  const down = (rules: object) => ({ behavior: { scaleDown: { stabilizationWindowSeconds: 0, ...rules } } });
  assert.deepEqual(limit(10, 1, [], down({ policies: [count(2)] })), {
    replicas: 8,
    stabilized: undefined,
    limit: 'ScaleDownLimit',
  });
  assert.equal(limit(9, 1, [], down({ policies: [count(2)] }), [-1]).replicas, 8);
  assert.equal(limit(10, 1, [], down({ policies: [percent(50)] })).replicas, 5);
  assert.equal(limit(5, 1, [], down({ selectPolicy: 'Disabled' })).replicas, 5);
});

test('windows take the lowest of recent recommendations when growing, the highest when shrinking', () => {
  const window = (stabilizationWindowSeconds: number) => ({
    behavior: {
      scaleUp: { stabilizationWindowSeconds, policies: [percent(1000)] },
      scaleDown: { stabilizationWindowSeconds, policies: [percent(100)] },
    },
  });
  assert.deepEqual(limit(2, 9, [3], window(60)), { replicas: 3, stabilized: 'up', limit: undefined });
  assert.deepEqual(limit(9, 2, [7], window(60)), { replicas: 7, stabilized: 'down', limit: undefined });
  assert.equal(limit(9, 2, [7], window(0)).replicas, 2);
});
