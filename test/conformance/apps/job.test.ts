import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { Job, JobSpec } from '../../../src/api/generated/batch-v1.ts';
import type { Pod, PodSpec } from '../../../src/api/generated/core-v1.ts';
import { builtin, pods } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { type Objects, refused, type Sketch } from '../fixture/kube.ts';
import { pause, script, template } from '../fixture/workloads.ts';

const jobs = builtin<Job>('batch', 'v1', 'jobs');
const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

async function space(): Promise<{ all: Objects<Job>; inside: Objects<Pod> }> {
  const namespace = await kube.namespace('job');
  return { all: kube.of(jobs, namespace), inside: kube.of(pods, namespace) };
}

// How the containers of the suite's jobs behave (test/e2e/framework/job NewTestJob).
const succeeds = 'exit 0';
const fails = 'exit 1';
const evenIndexesSucceed = 'exit $(expr $JOB_COMPLETION_INDEX % 2)';
const onlyFirstIndexSucceeds = 'test $JOB_COMPLETION_INDEX = 0 && exit 0; trap "exit 1" TERM; sleep 100000 & wait';
const failsOnce = 'test -f /data/foo && exit 0; touch /data/foo; exit 1';

function job(name: string, command: string | undefined, spec: Sketch<JobSpec> = {}, pod: Partial<PodSpec> = {}) {
  const container = command ? script(command) : pause();
  return {
    metadata: { name },
    spec: {
      parallelism: 2,
      completions: 4,
      backoffLimit: 6,
      manualSelector: false,
      template: template({ job: name }, container, { restartPolicy: 'Never', ...pod }),
      ...spec,
    },
  };
}

const conditionOf = (object: Job | undefined, type: string) =>
  object?.status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');

const untilComplete = (all: Objects<Job>, name: string) => all.until(name, (object) => conditionOf(object, 'Complete'));
const untilFailed = (all: Objects<Job>, name: string) => all.until(name, (object) => conditionOf(object, 'Failed'));
const jobPods = (name: string) => ({ labelSelector: `job-name=${name}` });

describe('Job', { concurrency: 4 }, () => {
  conformance(
    '[sig-apps] Job should run a job to completion when tasks sometimes fail and are locally restarted',
    async () => {
      const { all, inside } = await space();
      const local = { restartPolicy: 'OnFailure' as const, volumes: [{ name: 'data', emptyDir: {} }] };
      const container = script(failsOnce, { volumeMounts: [{ name: 'data', mountPath: '/data' }] });
      const made = job('fail-once-local', failsOnce, { backoffLimit: 999 });
      await all.create({
        ...made,
        spec: { ...made.spec, template: template({ job: 'fail-once-local' }, container, local) },
      });
      await untilComplete(all, 'fail-once-local');
      const { items } = await inside.list(jobPods('fail-once-local'));
      assert.equal(items.filter(({ status }) => status?.phase === 'Succeeded').length, 4);
      for (const { status } of items) assert.equal(status?.containerStatuses?.[0]?.restartCount, 1);
    },
  );

  conformance(
    '[sig-apps] Job should create pods for an Indexed job with completion indexes and specified hostname',
    async () => {
      const { all, inside } = await space();
      await all.create(job('indexed-job', succeeds, { completionMode: 'Indexed' }));
      const { status } = await untilComplete(all, 'indexed-job');
      assert.equal(status?.completedIndexes, '0-3');
      const { items } = await inside.list(jobPods('indexed-job'));
      const key = 'batch.kubernetes.io/job-completion-index';
      assert.deepEqual(
        items
          .filter((pod) => pod.status?.phase === 'Succeeded')
          .map(({ metadata, spec }) => [metadata.annotations?.[key], metadata.labels?.[key], spec?.hostname])
          .sort(),
        ['0', '1', '2', '3'].map((index) => [index, index, `indexed-job-${index}`]),
      );
    },
  );

  conformance('[sig-apps] Job should delete a job', async () => {
    const { all, inside } = await space();
    await all.create(job('foo', undefined));
    await inside.untilList(
      ({ items }) => items.length === 2 && items.every(({ status }) => status?.phase === 'Running'),
      jobPods('foo'),
    );
    await all.delete('foo', { propagationPolicy: 'Background' });
    await all.untilGone('foo');
    await inside.untilList(({ items }) => items.length === 0, jobPods('foo'));
  });

  conformance('[sig-apps] Job should adopt matching orphans and release non-matching pods', async () => {
    const { all, inside } = await space();
    const { metadata } = await all.create(job('adopt-release', undefined));
    const { items } = await inside.untilList((list) => list.items.length === 2, jobPods('adopt-release'));
    const pod = items[0]!;
    const { name } = pod.metadata;
    const controllerOf = (object: Pod | undefined) =>
      object?.metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
    const watching = await inside.watch({ fieldSelector: `metadata.name=${name}` });
    await inside.change(name, (object) => {
      object.metadata.ownerReferences = [];
    });
    await watching.take('MODIFIED', (object) => !controllerOf(object));
    await watching.take('MODIFIED', (object) => controllerOf(object) === metadata.uid);
    await inside.change(name, (object) => {
      object.metadata.labels = {};
    });
    await watching.take('MODIFIED', (object) => !controllerOf(object));
    // Its finalizer goes with it, or it could never be deleted.
    await inside.until(name, (object) => !object?.metadata.finalizers?.length);
    watching.stop();
  });

  conformance('[sig-apps] Job should apply changes to a job status', async () => {
    const { all } = await space();
    const name = 'e2e-job-status';
    await all.create(job(name, undefined, { suspend: true }));
    await all.until(name, (object) => conditionOf(object, 'Suspended'));
    const startTime = '2026-01-02T03:04:05Z';
    const patched = await all.patch(
      name,
      'merge',
      { metadata: { annotations: { patchedstatus: 'true' } }, status: { startTime } },
      'status',
    );
    assert.deepEqual([patched.status?.startTime, patched.metadata.annotations?.patchedstatus], [startTime, 'true']);
    const later = '2026-01-02T04:05:06Z';
    const updated = await all.change(
      name,
      ({ status }) => {
        status!.startTime = later;
      },
      'status',
    );
    assert.equal(updated.status?.startTime, later);
    const read = await all.get(name, 'status');
    assert.deepEqual(
      read.status?.conditions?.map(({ type, status }) => [type, status]),
      [['Suspended', 'True']],
    );
  });

  conformance('[sig-apps] Job should manage the lifecycle of a job', async () => {
    const { all } = await space();
    const name = 'e2e-job-lifecycle';
    const labelSelector = `e2e-job-label=${name}`;
    const watching = await all.watch({ labelSelector });
    const made = job(name, succeeds, { suspend: true });
    await all.create({ ...made, metadata: { name, labels: { 'e2e-job-label': name } } });
    await watching.take('ADDED');
    const patched = await all.patch(name, 'strategic', { metadata: { labels: { [name]: 'patched' } } });
    assert.equal(patched.metadata.labels?.[name], 'patched');
    await watching.take('MODIFIED', ({ metadata }) => metadata.labels?.[name] === 'patched');

    const updated = await all.change(name, (object) => {
      object.spec!.suspend = false;
      object.metadata.annotations = { updated: 'true' };
    });
    assert.deepEqual([updated.spec?.suspend, updated.metadata.annotations?.updated], [false, 'true']);
    await watching.take('MODIFIED', ({ metadata }) => metadata.annotations?.updated === 'true');

    await untilComplete(all, name);
    const { items } = await kube.of(jobs).list({ labelSelector });
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      [name],
    );
    await all.deleteCollection({ labelSelector }, { propagationPolicy: 'Background' });
    await watching.take('DELETED');
    await refused(all.get(name), 404);
    watching.stop();
  });

  conformance(
    '[sig-apps] Job should allow to use the pod failure policy on exit code to fail the job early',
    async () => {
      const { all } = await space();
      const onExitCodes = { operator: 'In' as const, values: [1] };
      await all.create(
        job('pod-failure-failjob', fails, {
          backoffLimit: 999,
          podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes }] },
        }),
      );
      const failed = await untilFailed(all, 'pod-failure-failjob');
      assert.equal(conditionOf(failed, 'Failed')?.reason, 'PodFailurePolicy');
      assert.match(conditionOf(failed, 'Failed')?.message ?? '', /matching FailJob rule at index 0/);
    },
  );

  conformance(
    '[sig-apps] Job should allow to use a pod failure policy to ignore failure matching on DisruptionTarget condition',
    async () => {
      const { all, inside } = await space();
      const name = 'pod-failure-ignore';
      // Only a Pod that is told to end fails: the first one.
      const onPodConditions = [{ type: 'DisruptionTarget' as const, status: 'True' as const }];
      await all.create(
        job(name, 'trap "exit 1" TERM; i=0; while [ $i -lt 20 ]; do sleep 0.1 & wait $!; i=$((i + 1)); done', {
          parallelism: 1,
          completions: 1,
          backoffLimit: 0,
          podFailurePolicy: { rules: [{ action: 'Ignore', onPodConditions }] },
        }),
      );
      const { items } = await inside.untilList((list) => list.items[0]?.status?.phase === 'Running', jobPods(name));
      const evicted = items[0]!.metadata.name;
      const watching = await inside.watch({ fieldSelector: `metadata.name=${evicted}` });
      await kube.ask('POST', inside.path(evicted, 'eviction'), {
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: evicted, namespace: inside.namespace } },
      });
      const disrupted = await watching.take('MODIFIED', ({ status }) =>
        status?.conditions?.some(({ type }) => type === 'DisruptionTarget'),
      );
      assert.equal(
        disrupted.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason,
        'EvictionByEvictionAPI',
      );
      await inside.untilGone(evicted);
      const done = await untilComplete(all, name);
      assert.deepEqual([done.status?.failed ?? 0, done.status?.succeeded], [0, 1]);
      watching.stop();
    },
  );

  conformance(
    '[sig-apps] Job should execute all indexes despite some failing when using backoffLimitPerIndex',
    async () => {
      const { all } = await space();
      const name = 'with-backoff-limit-per-index';
      await all.create(job(name, evenIndexesSucceed, { ...indexed, backoffLimitPerIndex: 1 }));
      const failed = await untilFailed(all, name);
      assert.deepEqual(
        [conditionOf(failed, 'Failed')?.reason, failed.status?.completedIndexes, failed.status?.failedIndexes],
        ['FailedIndexes', '0,2', '1,3'],
      );
      // Each failing index is tried twice.
      assert.deepEqual([failed.status?.failed, failed.status?.succeeded], [4, 2]);
    },
  );

  conformance(
    '[sig-apps] Job should mark indexes as failed when the FailIndex action is matched in podFailurePolicy',
    async () => {
      const { all } = await space();
      const name = 'failindex-action';
      const onExitCodes = { operator: 'NotIn' as const, values: [0] };
      await all.create(
        job(name, evenIndexesSucceed, {
          ...indexed,
          backoffLimitPerIndex: 1,
          podFailurePolicy: { rules: [{ action: 'FailIndex', onExitCodes }] },
        }),
      );
      const failed = await untilFailed(all, name);
      assert.deepEqual([failed.status?.completedIndexes, failed.status?.failedIndexes], ['0,2', '1,3']);
      assert.deepEqual([failed.status?.failed, failed.status?.succeeded], [2, 2]);
    },
  );

  conformance(
    '[sig-apps] Job should terminate job execution when the number of failed indexes exceeds maxFailedIndexes',
    async () => {
      const { all, inside } = await space();
      const name = 'with-max-failed-indexes';
      // One after the other, so that no more than one can have failed.
      const limits = { parallelism: 1, backoffLimitPerIndex: 0, maxFailedIndexes: 0 };
      await all.create(job(name, evenIndexesSucceed, { ...indexed, ...limits }));
      const failed = await untilFailed(all, name);
      assert.equal(conditionOf(failed, 'Failed')?.reason, 'MaxFailedIndexesExceeded');
      assert.deepEqual([failed.status?.completedIndexes, failed.status?.failedIndexes], ['0', '1']);
      assert.deepEqual([failed.status?.succeeded, failed.status?.failed], [1, 1]);
      // Nothing of it runs any more.
      await inside.untilList(
        ({ items }) => items.every(({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed'),
        jobPods(name),
      );
    },
  );

  conformance('[sig-apps] Job with successPolicy should succeeded when all indexes succeeded', async () => {
    const { all } = await space();
    const name = 'with-success-policy-all-index-succeeded';
    await all.create(
      job(name, succeeds, {
        ...indexed,
        completions: 2,
        successPolicy: { rules: [{ succeededIndexes: '0,1' }] },
      }),
    );
    const done = await untilComplete(all, name);
    assert.ok(conditionOf(done, 'SuccessCriteriaMet'));
    assert.deepEqual([done.status?.completedIndexes, done.status?.succeeded], ['0,1', 2]);
  });

  conformance(
    '[sig-apps] Job with successPolicy succeededIndexes rule should succeeded even when some indexes remain pending',
    () => succeedsEarly('with-succeeded-indexes-success-policy', { succeededIndexes: '0' }),
  );

  conformance(
    '[sig-apps] Job with successPolicy succeededCount rule should succeeded even when some indexes remain pending',
    () => succeedsEarly('with-succeeded-count-success-policy', { succeededIndexes: '0-4', succeededCount: 1 }),
  );
});

const indexed: Sketch<JobSpec> = { completionMode: 'Indexed' };

/** Five indexes, of which only the first ever succeeds, are enough for the rule. */
async function succeedsEarly(name: string, rule: { succeededIndexes: string; succeededCount?: number }): Promise<void> {
  const { all, inside } = await space();
  const spec = { ...indexed, completions: 5, parallelism: 5, successPolicy: { rules: [rule] } };
  await all.create(job(name, onlyFirstIndexSucceeds, spec));
  const done = await untilComplete(all, name);
  assert.equal(conditionOf(done, 'SuccessCriteriaMet')?.reason, 'SuccessPolicy');
  assert.equal(conditionOf(done, 'Complete')?.reason, 'SuccessPolicy');
  assert.deepEqual([done.status?.completedIndexes, done.status?.succeeded], ['0', 1]);
  assert.deepEqual([done.status?.active ?? 0, done.status?.ready ?? 0, done.status?.terminating ?? 0], [0, 0, 0]);
  await inside.untilList(({ items }) => items.every(({ status }) => status?.phase !== 'Running'), jobPods(name));
}
