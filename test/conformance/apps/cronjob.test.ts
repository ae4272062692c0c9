import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { CronJob, CronJobSpec, Job } from '../../../src/api/generated/batch-v1.ts';
import { builtin, pods } from '../../../src/api/resource.ts';
import { discovers, exerciseOperations } from '../fixture/api-operations.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import type { Sketch } from '../fixture/kube.ts';
import { pause, script, template } from '../fixture/workloads.ts';

const cronJobs = builtin<CronJob>('batch', 'v1', 'cronjobs');
const jobs = builtin<Job>('batch', 'v1', 'jobs');
const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

function cronJob(name: string, spec: Partial<CronJobSpec>, container = pause()): Sketch<CronJob> {
  return {
    metadata: { name },
    spec: {
      schedule: '*/1 * * * ?',
      concurrencyPolicy: 'Allow',
      jobTemplate: {
        spec: { parallelism: 1, completions: 1, template: template({}, container, { restartPolicy: 'OnFailure' }) },
      },
      ...spec,
    },
  };
}

/**
 * A CronJob whose last time was two minutes ago: unless it is suspended, its first Job is due at once, so that the second
 * comes with the next minute.
 */
async function overdue(name: string, spec: Partial<CronJobSpec>) {
  const namespace = await kube.namespace('cronjob');
  const [all, made] = [kube.of(cronJobs, namespace), kube.of(jobs, namespace)];
  await all.create(cronJob(name, { ...spec, suspend: true }));
  const lastScheduleTime = new Date(Date.now() - 120_000).toISOString().replace(/\.\d+/, '');
  await all.patch(name, 'merge', { status: { lastScheduleTime } }, 'status');
  const resume = () => all.patch(name, 'merge', { spec: { suspend: false } });
  return { all, made, resume };
}

/** Resolves a moment after a minute has begun. */
async function untilNextMinute(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 60_000 - (Date.now() % 60_000) + 2_000));
}

describe('CronJob', { concurrency: 8 }, () => {
  conformance('[sig-apps] CronJob should schedule multiple jobs concurrently', async () => {
    const { all, made, resume } = await overdue('concurrent', { concurrencyPolicy: 'Allow' });
    await resume();
    await all.until('concurrent', (object) => object?.status?.active?.length === 1);
    await all.until('concurrent', (object) => object?.status?.active?.length === 2, 90_000);
    await made.untilList(({ items }) => items.filter(({ status }) => status?.active).length === 2);
  });

  conformance('[sig-apps] CronJob should not schedule jobs when suspended [Slow]', async () => {
    const { all, made, resume } = await overdue('suspended', {});
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    assert.equal((await all.get('suspended')).status?.active, undefined);
    assert.equal((await made.list()).items.length, 0);
    // It was only that which held it back.
    await resume();
    await made.untilList(({ items }) => items.length === 1);
  });

  conformance('[sig-apps] CronJob should not schedule new jobs when ForbidConcurrent [Slow]', async () => {
    const { all, made, resume } = await overdue('forbid', { concurrencyPolicy: 'Forbid' });
    await resume();
    const first = await all.until('forbid', (object) => object?.status?.active?.length === 1);
    await untilNextMinute();
    const later = await all.get('forbid');
    assert.deepEqual(later.status?.active, first.status?.active);
    assert.equal((await made.list()).items.length, 1);
  });

  conformance('[sig-apps] CronJob should replace jobs when ReplaceConcurrent', async () => {
    const { all, made, resume } = await overdue('replace', { concurrencyPolicy: 'Replace' });
    await resume();
    const first = await all.until('replace', (object) => object?.status?.active?.length === 1);
    const old = first.status!.active![0]!.name!;
    const later = await all.until(
      'replace',
      (object) => object?.status?.active?.length === 1 && object.status.active[0]!.name !== old,
      90_000,
    );
    await made.untilGone(old);
    assert.deepEqual(
      (await made.list()).items.map(({ metadata }) => metadata.name),
      [later.status!.active![0]!.name],
    );
    // Its Pods go with it.
    await kube.of(pods, made.namespace).untilList(({ items }) => items.length === 1);
  });

  conformance('[sig-apps] CronJob should support CronJob API operations', async () => {
    const all = kube.of(cronJobs, await kube.namespace('cronjob'));
    await discovers(kube, 'batch', 'v1', ['cronjobs', 'cronjobs/status']);
    const history = { successfulJobsHistoryLimit: 0, failedJobsHistoryLimit: 0 };
    const { spec } = cronJob('', history, script('exit 0'));
    const subresources = async ({ metadata: { name } }: CronJob) => {
      const times = ['2026-01-02T03:04:05Z', '2026-01-02T04:05:06Z'];
      const patched = await all.patch(
        name,
        'merge',
        { metadata: { annotations: { patchedstatus: 'true' } }, status: { lastScheduleTime: times[0] } },
        'status',
      );
      assert.deepEqual(
        [patched.status?.lastScheduleTime, patched.metadata.annotations?.patchedstatus],
        [times[0], 'true'],
      );
      const updated = await all.change(
        name,
        ({ status }) => void Object.assign(status!, { lastScheduleTime: times[1] }),
        'status',
      );
      assert.equal(updated.status?.lastScheduleTime, times[1]);
      assert.equal((await all.get(name, 'status')).metadata.uid, updated.metadata.uid);
    };
    await exerciseOperations({
      objects: all,
      template: { metadata: { generateName: 'e2e-example' }, spec },
      subresources,
    });
  });
});
