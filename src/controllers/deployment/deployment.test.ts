import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import { deployments, pods, replicaSets } from '../../api/resource.ts';
import { replicaSetController } from '../replicaset.ts';
import { at, eventually, made, runInMemory, startMs } from '../testing.ts';
import { deploymentController } from './deployment.ts';
import { fenceposts, newSetReplicas, planOldSets, planProportionally, scaled } from './plan-rollout.ts';
import { calculateStatus, withProgress } from './status.ts';

const deployment = (replicas: number, rollingUpdate = {}, rest = {}) =>
  made<Deployment>('Deployment', 'web', {
    spec: { replicas, strategy: { type: 'RollingUpdate', rollingUpdate }, ...rest },
  } as never);
const set = (name: string, replicas: number, available = replicas, annotations = {}, second = 0) =>
  made<ReplicaSet>('ReplicaSet', name, {
    metadata: { annotations, creationTimestamp: at(second) },
    spec: { replicas },
    status: { replicas, readyReplicas: available, availableReplicas: available },
  } as never);

test('maxSurge rounds up, maxUnavailable down, and both zero still move', () => {
  const rows: [number, object, number, number][] = [
    [10, {}, 3, 2],
    [4, {}, 1, 1],
    [1, {}, 1, 0],
    [10, { maxSurge: 0, maxUnavailable: '5%' }, 0, 1],
    [2, { maxSurge: 0, maxUnavailable: 5 }, 0, 2],
  ];
  for (const [replicas, strategy, maxSurge, maxUnavailable] of rows)
    assert.deepEqual(fenceposts(deployment(replicas, strategy)), { maxSurge, maxUnavailable });
  assert.equal(scaled('7%', 100, Math.ceil), 7);
});

test('the new set grows as far as surge allows', () => {
  const rows: [desired: number, surge: number, old: number, now: number, expected: number][] = [
    [10, 2, 10, 0, 2],
    [10, 2, 8, 4, 4],
    [10, 0, 8, 0, 2],
    [10, 5, 0, 0, 10],
    [10, 0, 12, 0, 0],
  ];
  for (const [desired, maxSurge, old, now, expected] of rows) {
    const newSet = set('new', now);
    const all = [set('old', old), newSet];
    assert.equal(newSetReplicas(deployment(desired, { maxSurge, maxUnavailable: 1 }), all, newSet), expected);
  }
});

test('old sets shrink: unhealthy ones first, then while enough are available', () => {
  const one = deployment(10, { maxSurge: 2, maxUnavailable: 2 });
  const plan = (newSet: ReplicaSet, ...old: ReplicaSet[]) =>
    planOldSets(one, newSet, old).map(({ set: { metadata }, replicas }) => `${metadata.name} ${replicas}`);
  assert.deepEqual(plan(set('new', 2, 0), set('old', 10)), ['old 8']);
  assert.deepEqual(plan(set('new', 4, 0), set('old', 8)), []);
  assert.deepEqual(plan(set('new', 2, 2), set('old', 10, 7)), ['old 6']);
  assert.deepEqual(plan(set('new', 10, 10), set('old', 1), set('older', 1, 1, {}, -5)), ['old 0', 'older 0']);
});

test('a changed size in the middle of a rollout is spread in proportion', () => {
  const max = { 'deployment.kubernetes.io/max-replicas': '12' };
  const plan = (replicas: number, ...sets: ReplicaSet[]) =>
    planProportionally(deployment(replicas, { maxSurge: 2 }), sets).map(
      (one) => `${one.set.metadata.name} ${one.replicas}`,
    );
  assert.deepEqual(plan(20, set('old', 8, 8, max), set('new', 4, 4, max, 5)), ['old 15', 'new 7']);
  assert.deepEqual(plan(4, set('old', 8, 8, max), set('new', 4, 4, max, 5)), ['old 4', 'new 2']);
});

test('a rollout progresses, completes or runs out of time', () => {
  const one = {
    ...deployment(2, {}, { progressDeadlineSeconds: 10 }),
    status: {
      conditions: [{ type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', lastUpdateTime: at(0) }],
    },
  };
  const told = (newSet: ReplicaSet, second: number) => {
    const now = startMs + second * 1000;
    const status = withProgress(one, [newSet], newSet, calculateStatus(one, [newSet], newSet, now), now);
    const found = status.conditions?.find(({ type }) => type === 'Progressing');
    return `${found?.status} ${found?.reason} ${found?.message}`;
  };
  assert.equal(told(set('new', 2, 1), 5), 'True ReplicaSetUpdated ReplicaSet "new" is progressing.');
  assert.equal(told(set('new', 2), 5), 'True NewReplicaSetAvailable ReplicaSet "new" has successfully progressed.');
  const stuck = set('new', 2, 0);
  Object.assign(stuck.status ?? {}, { replicas: 0 });
  assert.equal(told(stuck, 11), 'False ProgressDeadlineExceeded ReplicaSet "new" has timed out progressing.');
});

test('a Deployment makes a ReplicaSet, which makes Pods; a new template makes another', async () => {
  const { client, told, stop } = await runInMemory([deploymentController, replicaSetController]);
  const template = (image: string) => ({
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', image }] },
  });
  const created = await client.create(deployments, {
    metadata: { name: 'web', namespace: 'x' },
    spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template: template('a') },
  });
  await eventually(async () => (await client.list(pods)).items.length === 3);
  const [first] = (await client.list(replicaSets)).items;
  assert.equal(first?.metadata.ownerReferences?.[0]?.uid, created.metadata.uid);
  assert.ok(told.includes(`Normal ScalingReplicaSet Scaled up replica set ${first?.metadata.name} from 0 to 3`));
  await client.patch(deployments, 'web', 'x', { type: 'merge', body: { spec: { template: template('b') } } });
  await eventually(async () => (await client.list(replicaSets)).items.length === 2);
  await eventually(
    async () =>
      (await client.get(deployments, 'web', 'x')).metadata.annotations?.['deployment.kubernetes.io/revision'] === '2',
  );
  await stop();
});
