import assert from 'node:assert/strict';
import { test } from 'node:test';
import { untilEvictionMs, wantedTaints } from './node-lifecycle.ts';
import { at, node, pod, startMs } from './testing.ts';

test('conditions become taints and go with them; other taints stay', () => {
  const own = { key: 'mine', effect: 'NoSchedule' as const };
  const ready = (status: string) =>
    node('n', { spec: { taints: [own] }, status: { conditions: [{ type: 'Ready', status }] } } as never);
  const keys = (one: ReturnType<typeof node>) =>
    wantedTaints(one, startMs).map((taint) => `${taint.key}:${taint.effect}`);
  assert.deepEqual(keys(ready('True')), ['mine:NoSchedule']);
  assert.deepEqual(keys(ready('Unknown')), [
    'mine:NoSchedule',
    'node.kubernetes.io/unreachable:NoSchedule',
    'node.kubernetes.io/unreachable:NoExecute',
  ]);
  const cordoned = { ...ready('True'), spec: { unschedulable: true } };
  assert.deepEqual(keys(cordoned), ['node.kubernetes.io/unschedulable:NoSchedule']);
});

test('a Pod goes when its toleration of a NoExecute taint is missing or has run out', () => {
  const taint = { key: 'k', effect: 'NoExecute' as const, timeAdded: at(0) };
  const left = (tolerations: object[], second = 10) =>
    untilEvictionMs(pod('p', { spec: { tolerations } } as never), [taint], startMs + second * 1000);
  assert.equal(left([]), 0);
  assert.equal(left([{ key: 'k', operator: 'Exists' }]), undefined);
  assert.equal(left([{ operator: 'Exists' }]), undefined);
  assert.equal(left([{ key: 'k', operator: 'Exists', tolerationSeconds: 300 }]), 290_000);
  assert.equal(left([{ key: 'k', operator: 'Exists', tolerationSeconds: 5 }]), 0);
  assert.equal(left([{ key: 'k', operator: 'Exists', effect: 'NoSchedule' }]), 0);
});
