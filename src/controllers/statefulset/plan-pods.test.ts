import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatefulSet } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { made, pod, readySince, startMs } from '../testing.ts';
import { planStatefulPods, statefulSetStatus } from './plan-pods.ts';

const set = (spec: object, status: object = {}) =>
  made<StatefulSet>('StatefulSet', 'web', {
    spec: { replicas: 3, selector: {}, template: {}, ...spec },
    status,
  } as never);
const labels = (revision: string) => ({ metadata: { labels: { 'controller-revision-hash': revision } } });
const ready = (name: string, revision = 'new') => pod(name, { ...readySince(0), ...labels(revision) } as never);
const starting = (name: string, revision = 'new') =>
  pod(name, { status: { phase: 'Pending' }, ...labels(revision) } as never);
const revisions = { current: 'old', update: 'new' };

function shown(one: StatefulSet, pods: Pod[]): string {
  const plan = planStatefulPods(one, pods, revisions, startMs);
  const create = plan.create.map(({ ordinal, revision }) => `+${ordinal} ${revision}`);
  const remove = plan.remove.map(({ pod: { metadata }, why }) => `-${metadata.name} ${why}`);
  return [...create, ...remove].join(', ');
}

const parallel = { podManagementPolicy: 'Parallel' };
const rows: [why: string, StatefulSet, Pod[], expected: string][] = [
  ['starts the first only', set({}), [], '+0 new'],
  ['waits until it is ready', set({}), [starting('web-0')], ''],
  ['goes on when it is', set({}), [ready('web-0')], '+1 new'],
  ['starts all at once in parallel', set(parallel), [starting('web-1')], '+0 new, +2 new'],
  ['starts at its first ordinal', set({ ordinals: { start: 5 } }), [], '+5 new'],
  ['replaces what has ended', set({}), [pod('web-0', { status: { phase: 'Failed' } } as never)], '-web-0 ended'],
  [
    'goes down from the highest',
    set({ replicas: 1 }),
    [ready('web-0'), ready('web-1'), ready('web-2')],
    '-web-2 scaled down',
  ],
  [
    'updates from the highest',
    set({}),
    ['web-0', 'web-1', 'web-2'].map((name) => ready(name, 'old')),
    '-web-2 updated',
  ],
  ['waits for the updated one', set({}), [ready('web-0', 'old'), ready('web-1', 'old'), starting('web-2')], ''],
  [
    'updates down to the partition',
    set({ updateStrategy: { rollingUpdate: { partition: 2 } } }),
    [ready('web-0', 'old'), ready('web-1', 'old'), ready('web-2')],
    '',
  ],
  [
    'makes what is below the partition from the old revision',
    set({ updateStrategy: { rollingUpdate: { partition: 2 } } }),
    [],
    '+0 old',
  ],
  [
    'updates nothing by itself with OnDelete',
    set({ updateStrategy: { type: 'OnDelete' } }),
    ['web-0', 'web-1', 'web-2'].map((name) => ready(name, 'old')),
    '',
  ],
  [
    'updates several at once if it may',
    set({ updateStrategy: { rollingUpdate: { maxUnavailable: 2 } } }),
    ['web-0', 'web-1', 'web-2'].map((name) => ready(name, 'old')),
    '-web-2 updated, -web-1 updated',
  ],
];
for (const [why, one, pods, expected] of rows)
  test(`a StatefulSet ${why}`, () => assert.equal(shown(one, pods), expected));

test('the update revision becomes the current one when all Pods have it', () => {
  const half = statefulSetStatus(
    set({}),
    [ready('web-0', 'old'), ready('web-1', 'old'), ready('web-2')],
    revisions,
    startMs,
  );
  assert.deepEqual([half.currentRevision, half.currentReplicas, half.updatedReplicas], ['old', 2, 1]);
  const done = statefulSetStatus(set({}), [ready('web-0'), ready('web-1'), ready('web-2')], revisions, startMs);
  assert.deepEqual([done.currentRevision, done.currentReplicas, done.readyReplicas], ['new', 3, 3]);
});
