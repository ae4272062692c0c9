import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/generated/core-v1.ts';
import { kubeletConfiguration } from '../configuration.ts';
import { planShutdown } from './plan-shutdown.ts';

const metadata = { name: 'a', uid: 'a', resourceVersion: '', creationTimestamp: '' };
const of = (priority: number | undefined): { pod: Pod } => ({
  pod: {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers: [], ...(priority !== undefined && { priority }) },
  },
});
const priorities = (groups: { graceSeconds: number; pods: { pod: Pod }[] }[]) =>
  groups.map(({ graceSeconds, pods }) => [graceSeconds, pods.map(({ pod }) => pod.spec.priority)]);

test('two periods are one for ordinary Pods and one for critical ones', () => {
  const { shutdownGracePeriods } = kubeletConfiguration({
    shutdownGracePeriod: '30s',
    shutdownGracePeriodCriticalPods: '10s',
  });
  const groups = planShutdown(shutdownGracePeriods, [of(2_000_000_000), of(undefined), of(1000), of(2_000_001_000)]);
  assert.deepEqual(priorities(groups), [
    [20, [undefined, 1000]],
    [10, [2_000_000_000, 2_000_001_000]],
  ]);
});

test('a Pod belongs to the last period whose priority it reaches; what reaches none to the first', () => {
  const { shutdownGracePeriods } = kubeletConfiguration({
    shutdownGracePeriodByPodPriority: [
      { priority: 1000, shutdownGracePeriodSeconds: 5 },
      { priority: 10, shutdownGracePeriodSeconds: 20 },
      { priority: 100, shutdownGracePeriodSeconds: 1 },
    ],
  });
  const groups = planShutdown(shutdownGracePeriods, [of(-5), of(10), of(99), of(1000), of(5000)]);
  assert.deepEqual(priorities(groups), [
    [20, [-5, 10, 99]],
    [5, [1000, 5000]],
  ]);
});

test('without periods a shutdown is not graceful; the critical part cannot be more than the whole', () => {
  assert.deepEqual(kubeletConfiguration().shutdownGracePeriods, []);
  const wrong = { shutdownGracePeriod: '10s', shutdownGracePeriodCriticalPods: '20s' };
  assert.throws(
    () => kubeletConfiguration(wrong),
    /shutdownGracePeriodCriticalPods 20s must be <= shutdownGracePeriod 10s/,
  );
});
