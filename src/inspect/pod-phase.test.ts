import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerStatus, Pod } from '../api/generated/core-v1.ts';
import { countPhases, describePhases, describeStopped, podPhase } from './pod-phase.ts';

const container = (state: ContainerStatus['state'], restartCount = 0): ContainerStatus =>
  ({ name: 'main', state, restartCount }) as ContainerStatus;
const pod = (phase: string, ...containerStatuses: ContainerStatus[]): Pod =>
  ({ metadata: {}, spec: {}, status: { phase, containerStatuses } }) as unknown as Pod;

const running = { running: {} };
const ended = (reason: string, exitCode: number) => ({ terminated: { reason, exitCode } });
const rows: [what: string, pod: Pod, state: string][] = [
  ['one that runs', pod('Running', container(running)), 'Running'],
  ['between two starts', pod('Running', container({ waiting: { reason: 'CrashLoopBackOff' } })), 'CrashLoopBackOff'],
  ['ended, not yet told to wait', pod('Running', container(running), container(ended('Error', 3))), 'Error'],
  [
    'one container of two has done its work',
    pod('Running', container(running), container(ended('Completed', 0))),
    'Running',
  ],
  ['one that is over', pod('Failed', container(ended('Error', 1))), 'Failed'],
];

for (const [what, one, state] of rows) test(`a Pod's state: ${what}`, () => assert.equal(podPhase(one), state));

test('Pods are counted by their state', () => {
  assert.equal(describePhases(countPhases([pod('Pending'), pod('Running'), pod('Running')])), '2 Running, 1 Pending');
});

test('a container that does not run says why, and how often it was started again', () => {
  assert.equal(
    describeStopped(container({ waiting: { reason: 'CrashLoopBackOff' } }, 1)),
    'waiting: CrashLoopBackOff, 1 restart',
  );
  assert.equal(describeStopped(container(ended('Error', 3), 2)), 'terminated: Error, exit code 3, 2 restarts');
  assert.equal(describeStopped(container(undefined)), 'not started');
});
