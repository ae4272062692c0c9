import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Container } from '../../src/api/generated/core-v1.ts';
import { pods } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { testImage } from './fixture/image.ts';
import { pod, shell, stay } from './fixture/objects.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster({ up: '--crash-loop-max 1s' });
});
after(() => cluster?.delete());

const shared = {
  volumes: [{ name: 'shared', emptyDir: {} }],
  mounts: { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] },
};

describe('restarts', { concurrency: 4 }, () => {
  test('follow the rules of a container where they say something of its exit code (KEP-5307)', async () => {
    const space = await cluster.space('rules');
    const restartPolicyRules = [
      { action: 'Restart' as const, exitCodes: { operator: 'In' as const, values: [42, 43] } },
    ];
    const rules = { restartPolicy: 'Never' as const, restartPolicyRules };
    const script =
      'n=$(cat /shared/n 2>/dev/null || echo 0); echo $((n + 1)) > /shared/n; [ $n -lt 2 ] && exit 42; exit 7';
    await space.apply(
      pod('rules', shell(script, { ...rules, ...shared.mounts }), { restartPolicy: 'Never', volumes: shared.volumes }),
    );
    const over = await space.untilOver('rules');
    assert.equal(over.status?.phase, 'Failed');
    assert.equal(over.status?.containerStatuses?.[0]?.restartCount, 2);
    assert.equal(over.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 7);
  });

  test('follow the policy of a container before that of the Pod', async () => {
    const space = await cluster.space('policy');
    const once = shell('exit 3', { name: 'once', restartPolicy: 'Never' });
    await space.apply(pod('mixed', [shell(stay), once], { restartPolicy: 'Always' }));
    const ended = await space.until(pods, 'mixed', (one) =>
      one?.status?.containerStatuses?.some(({ state }) => state?.terminated?.exitCode === 3),
    );
    assert.equal(ended.status?.phase, 'Running');
    const failing = shell('exit 1', { restartPolicy: 'OnFailure' });
    await space.apply(pod('again', failing, { restartPolicy: 'Never' }));
    await space.until(pods, 'again', (one) => (one?.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 2);
  });

  test('take all containers along where a rule says so, init containers first (KEP-5532)', async () => {
    const space = await cluster.space('fresh');
    const restartPolicyRules = [
      { action: 'RestartAllContainers' as const, exitCodes: { operator: 'In' as const, values: [88] } },
    ];
    const says = (word: string) => `echo ${word} >> /shared/said`;
    const init = shell(says('init'), { name: 'init', ...shared.mounts });
    const once = shell(says('once'), { name: 'once', ...shared.mounts });
    const other = shell(`${says('other')}; ${stay}`, { name: 'other', ...shared.mounts });
    const script = `until [ $(wc -l < /shared/said) = 3 ] || [ $(wc -l < /shared/said) = 6 ]; do sleep 0.1; done
      [ -e /shared/again ] || { touch /shared/again; exit 88; }; ${says('up')}; ${stay}`;
    const trigger = shell(script, { ...shared.mounts, name: 'trigger', restartPolicy: 'Never', restartPolicyRules });
    await space.apply(
      pod('fresh', [once, other, trigger], {
        ...{ restartPolicy: 'Never', volumes: shared.volumes, initContainers: [init] },
      }),
    );
    const phases = new Set<string | undefined>();
    const said = await until('all have run twice', async () => {
      const { status } = await space.get(pods, 'fresh');
      phases.add(status?.phase);
      if (!status?.containerStatuses?.some(({ name, state }) => name === 'trigger' && state?.running)) return undefined;
      const text = await space.kubectl('exec fresh -c trigger -- cat /shared/said').catch(() => '');
      return text.includes('up') ? text.trim().split('\n') : undefined;
    });
    assert.deepEqual([said[0], said[3]], ['init', 'init']);
    assert.deepEqual(said.slice(1, 3).toSorted(), ['once', 'other']);
    assert.deepEqual(said.slice(4, 6).toSorted(), ['once', 'other']);
    const { status } = await space.get(pods, 'fresh');
    const counts = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
    assert.deepEqual(
      counts.map(({ name, restartCount }) => [name, restartCount]),
      ['init', 'once', 'other', 'trigger'].map((name) => [name, 1]),
    );
    const condition = status?.conditions?.find(({ type }) => type === 'AllContainersRestarting');
    assert.equal(condition?.status, 'False');
    assert.ok(!phases.has('Failed') && !phases.has('Succeeded'), [...phases].join());
  });

  test('wait no longer than the node is told to (KEP-4603)', async () => {
    const space = await cluster.space('bound');
    await space.apply(pod('crash', shell('exit 1'), { restartPolicy: 'Always' }));
    const crashed = await space.until(
      pods,
      'crash',
      (one) => (one?.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 4,
      20_000,
    );
    assert.ok(crashed);
    await until('the waiting state tells of one second', async () => {
      const one = await space.get(pods, 'crash');
      return one.status?.containerStatuses?.[0]?.state?.waiting?.message?.startsWith('back-off 1s restarting');
    });
  });
});

describe('the end', { concurrency: 4 }, () => {
  test('comes with the signal that the container asks for', async () => {
    const space = await cluster.space('signal');
    const script = 'trap "exit 9" USR1; trap "exit 8" TERM; echo up; sleep 100000 & wait';
    const lifecycle = { stopSignal: 'SIGUSR1' as const };
    const spec = { os: { name: 'linux' as const }, restartPolicy: 'Never' as const, activeDeadlineSeconds: 2 };
    await space.apply(pod('signal', shell(script, { lifecycle }), spec));
    const running = await space.untilReady('signal');
    assert.equal(running.status?.containerStatuses?.[0]?.stopSignal, 'SIGUSR1');
    const over = await space.untilOver('signal');
    assert.equal(over.status?.reason, 'DeadlineExceeded');
    assert.equal(over.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 9);
  });

  test('comes to sidecars after the others, in reverse order, each with its preStop hook', async () => {
    const space = await cluster.space('sidecars');
    const tells = (name: string, more: Partial<Container> = {}) =>
      shell(`trap 'echo ${name} ended >> /shared/order; exit 0' TERM; touch /tmp/up; sleep 100000 & wait`, {
        ...{ name, ...shared.mounts },
        startupProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1 },
        lifecycle: { preStop: { exec: { command: ['sh', '-c', `echo ${name} stopping >> /shared/order`] } } },
        ...more,
      });
    const sidecar = { restartPolicy: 'Always' as const };
    const host = `${cluster.home}/order`;
    await space.apply(
      pod('sidecars', tells('main'), {
        terminationGracePeriodSeconds: 10,
        volumes: [{ name: 'shared', hostPath: { path: host, type: 'DirectoryOrCreate' } }],
        initContainers: [tells('first', sidecar), tells('second', sidecar)],
      }),
    );
    await space.untilReady('sidecars');
    await space.kubectl('delete pod sidecars');
    const { readFileSync } = await import('node:fs');
    const order = readFileSync(`${host}/order`, 'utf8').trim().split('\n');
    assert.deepEqual(order, [
      ...['main stopping', 'main ended'],
      ...['second stopping', 'second ended', 'first stopping', 'first ended'],
    ]);
  });

  test('after a failed probe has the grace of that probe', async () => {
    const space = await cluster.space('grace');
    const livenessProbe = {
      exec: { command: ['test', '-e', '/healthy'] },
      ...{ periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 30, terminationGracePeriodSeconds: 1 },
    };
    const container = shell('trap "" TERM; sleep 100000 & wait; wait', { livenessProbe });
    await space.apply(pod('grace', container, { terminationGracePeriodSeconds: 600, restartPolicy: 'Always' }));
    const restarted = await space.until(
      pods,
      'grace',
      (one) => one?.status?.containerStatuses?.[0]?.restartCount,
      30_000,
    );
    assert.equal(restarted.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137);
    await space.kubectl('delete pod grace --now');
  });

  test('of a process by lack of memory is none of a container whose first process goes on (cgroup v1)', async () => {
    const space = await cluster.space('child');
    const script = 'head -c 200000000 /dev/zero | tail > /dev/null; echo child ended with $?; sleep 100000 & wait';
    await space.apply(pod('child', shell(script, { resources: { limits: { memory: '40Mi' } } })));
    await space.untilReady('child');
    const one = await until(
      'a process was killed, or all of them (cgroup v2 kills the container as a whole)',
      async () => {
        const now = await space.get(pods, 'child');
        const killed = now.status?.containerStatuses?.[0]?.lastState?.terminated;
        return (killed || (await space.kubectl('logs child')).includes('child ended')) && now;
      },
    );
    const { state, lastState, restartCount } = one.status?.containerStatuses?.[0] ?? {};
    if (lastState?.terminated) assert.equal(lastState.terminated.reason, 'OOMKilled');
    else assert.deepEqual([Boolean(state?.running), restartCount], [true, 0]);
  });
});

describe('a container', { concurrency: 4 }, () => {
  test('takes variables from a file that another has written (KEP-3721)', async () => {
    const space = await cluster.space('env-file');
    const fileKeyRef = (key: string, more = {}) => ({
      fileKeyRef: { volumeName: 'shared', path: 'env', key, ...more },
    });
    const env = [
      { name: 'COLOR', valueFrom: fileKeyRef('COLOR') },
      { name: 'MISSING', valueFrom: fileKeyRef('NONE', { optional: true }) },
    ];
    await space.apply(
      pod('reader', shell('env', { env }), {
        restartPolicy: 'Never',
        volumes: shared.volumes,
        initContainers: [shell('echo "COLOR = deep blue" > /shared/env', { name: 'writer', ...shared.mounts })],
      }),
      pod('without', shell('env', { env: [{ name: 'X', valueFrom: fileKeyRef('NONE') }] }), {
        volumes: shared.volumes,
      }),
    );
    await space.untilOver('reader');
    const output = await space.kubectl('logs reader -c main');
    assert.match(output, /^COLOR=deep blue$/m);
    assert.doesNotMatch(output, /MISSING/);
    const waiting = await space.until(
      pods,
      'without',
      (one) => one?.status?.containerStatuses?.[0]?.state?.waiting?.message,
    );
    assert.equal(waiting.status?.containerStatuses?.[0]?.state?.waiting?.reason, 'CreateContainerConfigError');
  });

  test('has only the groups that are listed when the policy is Strict (KEP-3619)', async () => {
    const space = await cluster.space('groups');
    // busybox's root is in no group of its image but its own; the image's group file puts daemon into 'sys'.
    const securityContext = { runAsUser: 1000, runAsGroup: 3000, supplementalGroups: [4000] };
    await space.apply(
      pod('strict', shell(stay), { securityContext: { ...securityContext, supplementalGroupsPolicy: 'Strict' } }),
    );
    const ready = await space.untilReady('strict');
    assert.equal((await space.exec('strict', 'id -G')).trim(), '3000 4000');
    assert.deepEqual(ready.status?.containerStatuses?.[0]?.user?.linux, {
      uid: 1000,
      gid: 3000,
      supplementalGroups: [3000, 4000],
    });
  });

  test('is named as the Pod wants: by its domain, or by another name', async () => {
    const space = await cluster.space('names');
    await space.apply(
      pod('fqdn', shell(stay), { hostname: 'web', subdomain: 'all', setHostnameAsFQDN: true }),
      pod('other', shell(stay), { hostnameOverride: 'my.own.name' }),
    );
    await Promise.all([space.untilReady('fqdn'), space.untilReady('other')]);
    assert.equal((await space.exec('fqdn', 'hostname')).trim(), 'web.all.names.svc.cluster.local');
    assert.equal((await space.exec('other', 'hostname')).trim(), 'my.own.name');
  });

  test('that debugs another sees its processes, and the others do not see it', async () => {
    const space = await cluster.space('debug');
    await space.apply(pod('target', [shell('exec sleep 4242'), shell(stay, { name: 'side' })]));
    await space.untilReady('target');
    await space.kubectl(`debug target --image=${testImage} --target=main -c debugger --profile=general -- sleep 777`);
    await space.until(pods, 'target', (one) => one?.status?.ephemeralContainerStatuses?.[0]?.state?.running);
    const inside = (container: string) => space.kubectl(['exec', 'target', '-c', container, '--', 'ps']);
    assert.match(await inside('debugger'), /sleep 4242/);
    assert.match(await inside('main'), /sleep 777/);
    assert.doesNotMatch(await inside('side'), /sleep 777/);
  });
});
