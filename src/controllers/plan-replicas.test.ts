import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../api/generated/core-v1.ts';
import { FakeClock } from '../base/clock.ts';
import { Expectations } from './expectations.ts';
import { deletionOrder, planReplicas } from './plan-replicas.ts';
import { at, pod, readySince, startMs } from './testing.ts';

const nowMs = startMs + 100_000;
const onNode = (name: string, second: number, nodeName = 'n') =>
  pod(name, { ...readySince(second), spec: { nodeName } } as never);

const orders: [why: string, first: Pod, second: Pod][] = [
  ['without a node before with one', pod('a'), onNode('b', 0)],
  ['pending before running', pod('a', { spec: { nodeName: 'n' }, status: { phase: 'Pending' } }), onNode('b', 0)],
  ['not ready before ready', pod('a', { spec: { nodeName: 'n' }, status: { phase: 'Running' } }), onNode('b', 0)],
  [
    'cheap to delete before dear',
    onNode('a', 0),
    pod('b', {
      ...readySince(0),
      metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '5' } },
      spec: { nodeName: 'n' },
    } as never),
  ],
  ['on a crowded node before alone', onNode('a', 0, 'crowded'), onNode('b', 0, 'empty')],
  ['ready for a much shorter time first', onNode('a', 99), onNode('b', 0)],
  ['ready for about the same time: by uid', onNode('a', 0), onNode('b', 10)],
];
for (const [why, first, second] of orders)
  test(`Pods are given up ${why}`, () => {
    const related = [first, second, onNode('other', 0, 'crowded')];
    assert.deepEqual(deletionOrder([second, first], related, nowMs), [first, second]);
    assert.deepEqual(deletionOrder([first, second], related, nowMs), [first, second]);
  });

test('a plan creates what is missing and removes what is too much, at most 500 at once', () => {
  const three = [onNode('a', 0), onNode('b', 0), onNode('c', 0)];
  assert.deepEqual(planReplicas(three, 3, three, nowMs), { create: 0, remove: [] });
  assert.deepEqual(planReplicas(three, 5, three, nowMs).create, 2);
  assert.deepEqual(planReplicas([], 700, [], nowMs).create, 500);
  assert.equal(planReplicas(three, 1, three, nowMs).remove.length, 2);
});

test('expectations hold until what was done is seen, or five minutes have passed', () => {
  const clock = new FakeClock(startMs);
  const expectations = new Expectations(clock);
  assert.ok(expectations.satisfied('x/a'));
  expectations.expectCreations('x/a', 2);
  expectations.created('x/a');
  assert.ok(!expectations.satisfied('x/a'));
  expectations.created('x/a');
  assert.ok(expectations.satisfied('x/a'));
  expectations.expectDeletion('x/a', 'uid-1');
  expectations.deleted('x/a', 'another');
  assert.ok(!expectations.satisfied('x/a'));
  clock.advance(5 * 60 * 1000 + 1);
  assert.ok(expectations.satisfied('x/a'), at(0));
});
