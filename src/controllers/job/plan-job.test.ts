import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { at, made, pod, startMs } from '../testing.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';
import { jobState, planJob } from './plan-job.ts';
import { countReleased, trackPods } from './track-pods.ts';

const job = (spec: object, status: object = {}) =>
  made<Job>('Job', 'j', { spec: { backoffLimit: 6, template: {}, ...spec }, status } as never);
const running = (name: string, index?: number) =>
  pod(name, { ...indexed(index), status: { phase: 'Running' } } as never);
const ended = (name: string, phase: string, index?: number, exitCode = 1) =>
  pod(name, {
    ...indexed(index),
    status: { phase, containerStatuses: [{ name: 'c', state: { terminated: { exitCode, finishedAt: at(0) } } }] },
  } as never);
const indexed = (index: number | undefined) =>
  index === undefined ? {} : { metadata: { annotations: { 'batch.kubernetes.io/job-completion-index': `${index}` } } };

function shown(one: Job, pods: Pod[], failures = 0): string {
  const state = jobState(one, pods, () => true);
  const backoff = { failures, lastFailureMs: startMs };
  const plan = planJob(one, state, pods, { ms: startMs + 1000, satisfied: true, backoff });
  if (plan.end) return `${plan.end.type} ${plan.end.reason}: remove ${plan.remove.length}`;
  return `create [${plan.create.map((index) => index ?? '-')}] remove [${plan.remove.map(({ metadata }) => metadata.name)}]`;
}

const policy = { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }] };
const rows: [why: string, Job, Pod[], expected: string, failures?: number][] = [
  ['starts as many as may run at once', job({ completions: 5, parallelism: 2 }), [], 'create [-,-] remove []'],
  [
    'starts no more than are missing',
    job({ completions: 3, parallelism: 2 }, { succeeded: 1 }),
    [running('a'), ended('b', 'Succeeded')],
    'create [] remove []',
  ],
  [
    'is complete',
    job({ completions: 1, parallelism: 1 }),
    [ended('a', 'Succeeded')],
    'SuccessCriteriaMet CompletionsReached: remove 0',
  ],
  [
    'without completions waits for the others',
    job({ parallelism: 2 }),
    [running('a'), ended('b', 'Succeeded')],
    'create [] remove []',
  ],
  [
    'fails beyond its limit and stops the rest',
    job({ completions: 3, parallelism: 3, backoffLimit: 0 }),
    [running('a'), ended('b', 'Failed')],
    'FailureTarget BackoffLimitExceeded: remove 1',
  ],
  [
    'waits before it tries again',
    job({ completions: 1, parallelism: 1 }),
    [ended('a', 'Failed')],
    'create [] remove []',
    1,
  ],
  [
    'stops its Pods when suspended',
    job({ completions: 1, parallelism: 1, suspend: true }),
    [running('a')],
    'create [] remove [a]',
  ],
  [
    'has run too long',
    job({ completions: 1, activeDeadlineSeconds: 1 }, { startTime: at(0) }),
    [running('a')],
    'FailureTarget DeadlineExceeded: remove 1',
  ],
  [
    'fails by its policy',
    job({ completions: 2, parallelism: 1, podFailurePolicy: policy }),
    [ended('a', 'Failed', undefined, 42)],
    'FailureTarget PodFailurePolicy: remove 0',
  ],
  [
    'starts the lowest free indexes',
    job({ completions: 5, parallelism: 3, completionMode: 'Indexed' }, { completedIndexes: '1' }),
    [running('a', 0)],
    'create [2,3] remove []',
  ],
  [
    'removes an index that runs twice',
    job({ completions: 2, parallelism: 2, completionMode: 'Indexed' }),
    [running('a', 0), running('b', 0)],
    'create [] remove [a]',
  ],
  [
    'succeeds by its policy',
    job({
      completions: 3,
      parallelism: 3,
      completionMode: 'Indexed',
      successPolicy: { rules: [{ succeededIndexes: '0' }] },
    }),
    [ended('a', 'Succeeded', 0), running('b', 1)],
    'SuccessCriteriaMet SuccessPolicy: remove 1',
  ],
  [
    'gives an index up',
    job({ completions: 2, parallelism: 2, completionMode: 'Indexed', backoffLimit: 100, backoffLimitPerIndex: 0 }),
    [ended('a', 'Failed', 0), ended('b', 'Succeeded', 1)],
    'FailureTarget FailedIndexes: remove 0',
  ],
];
for (const [why, one, pods, expected, failures] of rows)
  test(`a Job ${why}`, () => assert.equal(shown(one, pods, failures), expected));

test('a finished Pod is counted once: its uid is noted, then it is released, then it is a number', () => {
  const one = job({ completions: 2, parallelism: 2 });
  const pods = [ended('a', 'Succeeded'), ended('b', 'Failed'), running('c')];
  const tracking = trackPods(
    one,
    pods,
    jobState(one, pods, () => true),
    undefined,
  );
  assert.deepEqual(
    tracking.release.map(({ metadata }) => metadata.name),
    ['a', 'b'],
  );
  assert.deepEqual(tracking.status.uncountedTerminatedPods, { succeeded: ['uid-a'], failed: ['uid-b'] });
  const counted = countReleased(tracking.status, (uid) => uid === 'uid-b');
  assert.deepEqual(
    [counted.succeeded, counted.failed, counted.uncountedTerminatedPods],
    [1, undefined, { failed: ['uid-b'] }],
  );
});

test('indexes are written as intervals', () => {
  assert.equal(formatIndexes([7, 0, 1, 3, 4, 5]), '0,1,3-5,7');
  assert.deepEqual([...parseIndexes('0,3-5', 5)], [0, 3, 4]);
});
