import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { pod, shell, stay } from './fixture/objects.ts';
import { firstPid } from './fixture/processes.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.delete());

describe('when things go wrong in a Pod', { concurrency: 4 }, () => {
  test('a container whose first process is killed is started again', async () => {
    const space = await cluster.space('killed');
    await space.apply(pod('box', shell(stay)));
    await space.untilReady('box');
    const before = await firstPid(cluster, 'killed', 'box');
    process.kill(before, 'SIGKILL');
    const again = await space.until(
      pods,
      'box',
      (one) =>
        one?.status?.containerStatuses?.[0]?.restartCount === 1 && one.status.containerStatuses[0].state?.running,
    );
    const status = again.status?.containerStatuses?.[0];
    assert.equal(status?.lastState?.terminated?.exitCode, 137);
    assert.equal(status?.lastState?.terminated?.reason, 'Error');
    assert.ok(status?.lastState?.terminated?.finishedAt);
    assert.notEqual(await firstPid(cluster, 'killed', 'box'), before);
    assert.match(await space.kubectl('get pod box'), /box +1\/1 +Running +1 \(/);
  });

  test('a container above its memory limit is OOMKilled', async () => {
    const space = await cluster.space('oom');
    const hog = shell('head -c 100m /dev/zero | tail -c 90m > /dev/null', {
      resources: { limits: { memory: '16Mi' } },
    });
    await space.apply(
      pod('once', { ...hog, command: ['sh', '-c', 'exec tail -c 200m /dev/zero'] }, { restartPolicy: 'Never' }),
      pod('again', { ...hog, command: ['sh', '-c', 'exec tail -c 200m /dev/zero'] }),
    );
    const over = await space.untilOver('once');
    const ended = over.status?.containerStatuses?.[0]?.state?.terminated;
    assert.deepEqual([ended?.reason, ended?.exitCode, over.status?.phase], ['OOMKilled', 137, 'Failed']);
    const again = await space.until(pods, 'again', (one) => one?.status?.containerStatuses?.[0]?.lastState?.terminated);
    const last = again.status?.containerStatuses?.[0]?.lastState?.terminated;
    assert.deepEqual([last?.reason, last?.exitCode], ['OOMKilled', 137]);
    assert.match(
      await space.kubectl('describe pod again'),
      /Last State: +Terminated\n +Reason: +OOMKilled\n +Exit Code: +137/,
    );
  });

  test('restart policies decide what follows an end', async () => {
    const space = await cluster.space('policies');
    const ran = 'echo run >> /data/runs; ';
    const rows = [
      { name: 'never-failed', policy: 'Never', script: 'exit 3', phase: 'Failed' },
      { name: 'never-done', policy: 'Never', script: 'exit 0', phase: 'Succeeded' },
      { name: 'on-failure', policy: 'OnFailure', script: `${ran}test $(wc -l < /data/runs) -ge 2`, phase: 'Succeeded' },
    ] as const;
    const data = { volumes: [{ name: 'data', emptyDir: {} }] };
    const mounted = (script: string) => shell(script, { volumeMounts: [{ name: 'data', mountPath: '/data' }] });
    await space.apply(
      ...rows.map(({ name, policy, script }) => pod(name, mounted(script), { restartPolicy: policy, ...data })),
      pod('always', shell('echo no; exit 1')),
    );
    for (const { name, phase } of rows) assert.equal((await space.untilOver(name)).status?.phase, phase, name);
    assert.equal((await space.get(pods, 'on-failure')).status?.containerStatuses?.[0]?.restartCount, 1);
    assert.equal(
      (await space.get(pods, 'never-failed')).status?.containerStatuses?.[0]?.state?.terminated?.exitCode,
      3,
    );
    const backedOff = await space.until(
      pods,
      'always',
      (one) => one?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff',
    );
    const waiting = backedOff.status?.containerStatuses?.[0]?.state?.waiting;
    assert.match(waiting?.message ?? '', /^back-off 10s restarting failed container=main pod=always_policies\(/);
    await space.until(pods, 'always', (one) => (one?.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 2);
    await until('the event', async () =>
      (await space.kubectl('describe pod always')).includes('Back-off restarting failed container'),
    );
  });

  test('the last words of a container are in its status', async () => {
    const space = await cluster.space('words');
    await space.apply(
      pod('file', shell('echo -n from the file > /dev/termination-log; exit 1'), { restartPolicy: 'Never' }),
      pod('logs', shell('echo from the log; exit 1', { terminationMessagePolicy: 'FallbackToLogsOnError' }), {
        restartPolicy: 'Never',
      }),
    );
    const message = async (name: string) =>
      (await space.untilOver(name)).status?.containerStatuses?.[0]?.state?.terminated?.message;
    assert.equal(await message('file'), 'from the file');
    assert.equal(await message('logs'), 'from the log\n');
  });

  test('an image that does not exist: ErrImagePull, then ImagePullBackOff, with the registry and the reason', async () => {
    const space = await cluster.space('pull');
    await space.apply(
      pod('nowhere', { name: 'main', image: 'localhost:1/nothing/here:v1' }),
      pod('never', { name: 'main', image: 'vitrine-test:absent', imagePullPolicy: 'Never' }),
      pod('invalid', { name: 'main', image: 'Not A Name' }),
    );
    const reasons: string[] = [];
    await space.until(pods, 'nowhere', (one) => {
      const reason = one?.status?.containerStatuses?.[0]?.state?.waiting?.reason ?? '';
      if (reasons.at(-1) !== reason) reasons.push(reason);
      return reason === 'ImagePullBackOff';
    });
    assert.deepEqual(
      reasons.filter((reason) => /Image/.test(reason)),
      ['ErrImagePull', 'ImagePullBackOff'],
    );
    const described = await until('the events', async () => {
      const text = await space.kubectl('describe pod nowhere');
      return text.includes('Back-off pulling image') && text;
    });
    assert.match(
      described,
      /Warning +Failed .*Failed to pull image "localhost:1\/nothing\/here:v1": .*localhost:1.*(refused|ECONNREFUSED)/,
    );
    assert.match(described, /Warning +Failed .*Error: ErrImagePull/);
    assert.match(described, /Normal +BackOff .*Back-off pulling image "localhost:1\/nothing\/here:v1"/);
    const reasonOf = (name: string, wanted: string) =>
      space.until(pods, name, (one) => one?.status?.containerStatuses?.[0]?.state?.waiting?.reason === wanted);
    await reasonOf('never', 'ErrImageNeverPull');
    await reasonOf('invalid', 'InvalidImageName');
  });

  test('termination waits for the grace period, and no longer', async () => {
    const space = await cluster.space('grace');
    const deaf = shell('trap "" TERM; while true; do sleep 1; done');
    const last = shell('trap "sleep 1; echo -n clean > /host/end; exit 0" TERM; while true; do sleep 0.1; done', {
      volumeMounts: [{ name: 'host', mountPath: '/host' }],
    });
    await space.apply(
      pod('deaf', deaf, { terminationGracePeriodSeconds: 2 }),
      pod('listens', last, {
        terminationGracePeriodSeconds: 30,
        volumes: [{ name: 'host', hostPath: { path: cluster.home } }],
      }),
    );
    await Promise.all([space.untilReady('deaf'), space.untilReady('listens')]);
    const began = Date.now();
    await space.kubectl('delete pod deaf');
    const took = Date.now() - began;
    assert.ok(took >= 2000 && took < 28_000, `${took} ms`);
    await space.kubectl('delete pod listens');
    const { readFileSync } = await import('node:fs');
    assert.equal(readFileSync(`${cluster.home}/end`, 'utf8'), 'clean');
  });
});
