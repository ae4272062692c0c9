import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { configMaps, pods, secrets } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { testImage } from './fixture/image.ts';
import { configMap, pod, shell, stay, web } from './fixture/objects.ts';
import { firstPid } from './fixture/processes.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.delete());

describe('a Pod', { concurrency: 4 }, () => {
  test('has one network, IPC and UTS namespace for all its containers, and a file system for each', async () => {
    const space = await cluster.space('sharing');
    await space.apply(pod('both', [web(), shell(stay, { name: 'side' })]));
    const ready = await space.untilReady('both');
    const side = (script: string) => space.kubectl(['exec', 'both', '-c', 'side', '--', 'sh', '-c', script]);
    assert.equal(await side('wget -q -O - http://127.0.0.1:8080/'), 'both\n');
    const script = 'for n in net ipc uts mnt pid; do stat -L -c %i /proc/self/ns/$n; done';
    const [one, two] = (
      await Promise.all([space.kubectl(['exec', 'both', '-c', 'main', '--', 'sh', '-c', script]), side(script)])
    ).map((text) => text.trim().split('\n'));
    assert.deepEqual(one?.slice(0, 3), two?.slice(0, 3));
    assert.notEqual(one?.[3], two?.[3]);
    assert.notEqual(one?.[4], two?.[4]);
    assert.equal((await side('hostname')).trim(), 'both');
    assert.match(await side('ip -4 addr show eth0'), new RegExp(`inet ${ready.status?.podIP}/`));
    assert.match(await side('cat /etc/hosts'), new RegExp(`${ready.status?.podIP}\\s+both`));
    assert.match(await side('ps'), /PID/);
  });

  test('shares the PID namespace when told, or those of the host', async () => {
    const space = await cluster.space('namespaces');
    await space.apply(
      pod('shared', [shell(stay), shell('exec sleep 4242', { name: 'side' })], { shareProcessNamespace: true }),
      pod('host', shell(stay), { hostNetwork: true, hostPID: true }),
    );
    await Promise.all([space.untilReady('shared'), space.untilReady('host')]);
    assert.match(await space.kubectl('exec shared -c main -- ps'), /sleep 4242/);
    const [net, pid] = (await space.exec('host', 'stat -L -c %i /proc/self/ns/net /proc/self/ns/pid'))
      .trim()
      .split('\n')
      .map(Number);
    assert.deepEqual([net, pid], [fs.statSync('/proc/self/ns/net').ino, fs.statSync('/proc/self/ns/pid').ino]);
    assert.equal((await space.get(pods, 'host')).status?.podIP, cluster.config.plan.nodeAddress);
  });

  test('runs init containers one after the other, before the others, again after they failed', async () => {
    const space = await cluster.space('init');
    const data = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    await space.apply(
      pod('steps', shell(`cat /data/steps; ${stay}`, data), {
        initContainers: [
          shell('echo one >> /data/steps; test -e /data/again || { touch /data/again; exit 1; }', {
            name: 'first',
            ...data,
          }),
          shell('echo two >> /data/steps', { name: 'second', ...data }),
        ],
        volumes: [{ name: 'data', emptyDir: {} }],
      }),
      pod('doomed', shell('true'), { initContainers: [shell('exit 7', { name: 'first' })], restartPolicy: 'Never' }),
    );
    const ready = await space.untilReady('steps');
    assert.equal(await space.kubectl('logs steps'), 'one\none\ntwo\n');
    assert.equal(ready.status?.initContainerStatuses?.[0]?.restartCount, 1);
    assert.equal(ready.status?.initContainerStatuses?.[1]?.state?.terminated?.reason, 'Completed');
    const doomed = await space.untilOver('doomed');
    assert.equal(doomed.status?.phase, 'Failed');
    assert.equal(doomed.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 7);
    assert.match(await space.kubectl('get pod doomed'), /doomed +0\/1 +Init:Error/);
  });

  test('keeps a sidecar (an init container that restarts) running beside the others', async () => {
    const space = await cluster.space('sidecar');
    await space.apply(
      pod('job', shell('wget -q -O - http://127.0.0.1:8080/'), {
        restartPolicy: 'Never',
        initContainers: [
          {
            ...web(),
            name: 'sidecar',
            restartPolicy: 'Always',
            readinessProbe: undefined,
            startupProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
          },
        ],
      }),
    );
    const over = await space.untilOver('job');
    assert.equal(over.status?.phase, 'Succeeded');
    assert.equal(await space.kubectl('logs job -c main'), 'job\n');
  });

  test('gets env from values, references, ConfigMaps, Secrets, fields and limits; command and args with $(VAR)', async () => {
    const space = await cluster.space('env');
    await space.apply(
      configMap('settings', { COLOR: 'red', SIZE: 'big' }),
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hidden' }, stringData: { PASSWORD: 'swordfish' } },
      pod(
        'env',
        {
          ...{
            name: 'main',
            image: testImage,
            command: ['sh', '-c', 'env; echo "args: $0 $1"'],
            args: ['$(GREETING)', '$$(GREETING)'],
          },
          resources: { limits: { memory: '64Mi', cpu: '500m' } },
          envFrom: [
            { configMapRef: { name: 'settings' }, prefix: 'CM_' },
            { secretRef: { name: 'absent', optional: true } },
          ],
          env: [
            { name: 'NAME', value: 'world' },
            { name: 'GREETING', value: 'hello $(NAME) $(UNKNOWN)' },
            { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'hidden', key: 'PASSWORD' } } },
            { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'TIER', valueFrom: { fieldRef: { fieldPath: "metadata.labels['tier']" } } },
            { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } },
          ],
        },
        { restartPolicy: 'Never' },
        { tier: 'front' },
      ),
      pod('missing', shell('true', { envFrom: [{ configMapRef: { name: 'nowhere' } }] })),
    );
    const over = await space.untilOver('env');
    const log = await space.kubectl('logs env');
    const lines = new Set(log.split('\n'));
    for (const line of [
      'FROM=image',
      'CM_COLOR=red',
      'CM_SIZE=big',
      'NAME=world',
      'GREETING=hello world $(UNKNOWN)',
      'PASSWORD=swordfish',
      'POD=env',
      `IP=${over.status?.podIP}`,
      'TIER=front',
      `MEMORY=${64 << 20}`,
      'HOSTNAME=env',
      'args: hello world $(UNKNOWN) $(GREETING)',
    ])
      assert.ok(lines.has(line), `${line} is not in\n${log}`);
    assert.match(log, /^KUBERNETES_SERVICE_HOST=/m);
    const missing = await space.until(
      pods,
      'missing',
      (one) => one?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
    );
    assert.equal(missing.status?.containerStatuses?.[0]?.state?.waiting?.message, 'configmap "nowhere" not found');
    await space.apply(configMap('nowhere', {}));
    await space.until(
      pods,
      'missing',
      (one) =>
        one?.status?.containerStatuses?.[0]?.lastState?.terminated ||
        one?.status?.containerStatuses?.[0]?.state?.terminated,
    );
  });

  test('mounts emptyDir, hostPath, ConfigMap, Secret, projected and downward volumes', async () => {
    const space = await cluster.space('volumes');
    const host = `${cluster.home}/shared`;
    fs.mkdirSync(host);
    fs.writeFileSync(`${host}/from-host`, 'host\n');
    await space.apply(
      configMap('settings', { color: 'red', other: 'x' }),
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hidden' }, stringData: { password: 'swordfish' } },
      pod(
        'volumes',
        shell(stay, {
          volumeMounts: [
            { name: 'memory', mountPath: '/memory' },
            { name: 'host', mountPath: '/host' },
            { name: 'settings', mountPath: '/settings' },
            { name: 'some', mountPath: '/some' },
            { name: 'settings', mountPath: '/one/color', subPath: 'color' },
            { name: 'hidden', mountPath: '/hidden', readOnly: true },
            { name: 'mixed', mountPath: '/mixed' },
            { name: 'about', mountPath: '/about' },
          ],
        }),
        {
          volumes: [
            { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
            { name: 'host', hostPath: { path: host, type: 'Directory' } },
            { name: 'settings', configMap: { name: 'settings' } },
            {
              name: 'some',
              configMap: { name: 'settings', items: [{ key: 'color', path: 'deep/colour', mode: 0o400 }] },
            },
            { name: 'hidden', secret: { secretName: 'hidden', defaultMode: 0o440 } },
            {
              name: 'mixed',
              projected: { sources: [{ configMap: { name: 'settings' } }, { secret: { name: 'hidden' } }] },
            },
            { name: 'about', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
          ],
        },
        { tier: 'front' },
      ),
    );
    await space.untilReady('volumes');
    const read = (script: string) => space.exec('volumes', script);
    assert.match(await read('mount | grep " /memory "'), /^tmpfs on \/memory type tmpfs .*size=1024k/);
    assert.equal(await read('cat /host/from-host; echo back > /host/from-pod'), 'host\n');
    assert.equal(fs.readFileSync(`${host}/from-pod`, 'utf8'), 'back\n');
    assert.equal(
      await read('cat /settings/color /one/color /some/deep/colour /hidden/password /mixed/color /mixed/password'),
      'redredredswordfishredswordfish',
    );
    assert.equal(await read('ls /some; stat -L -c %a /some/deep/colour /hidden/password'), 'deep\n400\n440\n');
    assert.equal(await read('cat /about/labels'), 'tier="front"');
    assert.match((await space.tryKubectl('exec volumes -- touch /hidden/x')).stderr, /Read-only file system/);
    await space.kubectl(['patch', 'configmap', 'settings', '-p', '{"data":{"color":"blue"}}']);
    await space.kubectl('label pod volumes tier=back --overwrite');
    await until(
      'the ConfigMap in the container is the new one',
      async () => (await read('cat /settings/color /mixed/color')) === 'blueblue',
    );
    await until(
      'the labels in the container are the new ones',
      async () => (await read('cat /about/labels')) === 'tier="back"',
    );
    assert.equal(await read('cat /one/color'), 'red', 'a subPath is not updated');
    assert.equal((await space.get(configMaps, 'settings')).data?.color, 'blue');
    assert.ok((await space.get(secrets, 'hidden')).data?.password);
  });

  test('speaks with the API as its ServiceAccount', async () => {
    const space = await cluster.space('token');
    await space.kubectl('create serviceaccount reader');
    await space.kubectl('create role reader --verb=get,list --resource=configmaps');
    await space.kubectl('create rolebinding reader --role=reader --serviceaccount=token:reader');
    await space.apply(pod('reader', shell(stay), { serviceAccountName: 'reader' }));
    await space.untilReady('reader');
    const dir = '/var/run/secrets/kubernetes.io/serviceaccount';
    const curl = (path: string) =>
      space.exec(
        'reader',
        `curl -s --cacert ${dir}/ca.crt -H "Authorization: Bearer $(cat ${dir}/token)" https://kubernetes.default.svc${path}`,
      );
    const list = JSON.parse(await curl('/api/v1/namespaces/token/configmaps'));
    assert.equal(list.items[0]?.metadata.name, 'kube-root-ca.crt');
    const denied = JSON.parse(await curl('/api/v1/namespaces/token/secrets'));
    assert.equal(
      denied.message,
      'secrets is forbidden: User "system:serviceaccount:token:reader" cannot list resource "secrets" in API group "" in the namespace "token"',
    );
    assert.equal(await space.exec('reader', `cat ${dir}/namespace`), 'token');
  });

  test('has its resources in cgroups, its QoS class and its OOM score', async () => {
    const space = await cluster.space('resources');
    await space.apply(
      pod('guaranteed', shell(stay, { resources: { limits: { cpu: '250m', memory: '48Mi' } } })),
      pod(
        'burstable',
        shell(stay, { resources: { requests: { cpu: '100m', memory: '16Mi' }, limits: { memory: '32Mi' } } }),
      ),
      pod('best-effort', shell(stay)),
    );
    const limits: Record<string, [string, number, number | undefined, number, number]> = {
      guaranteed: ['Guaranteed', 48 << 20, 25_000, 256, -997],
      burstable: ['Burstable', 32 << 20, undefined, 102, 990],
      'best-effort': ['BestEffort', 0, undefined, 2, 1000],
    };
    for (const [name, [qos, memory, quota, shares, score]] of Object.entries(limits)) {
      const ready = await space.untilReady(name);
      assert.equal(ready.status?.qosClass, qos);
      const pid = await firstPid(cluster, 'resources', name);
      const cgroup = containerCgroup(pid);
      assert.equal(cgroup.cpuShares, shares);
      if (memory) assert.equal(cgroup.memoryLimit, memory);
      if (quota) assert.equal(cgroup.cpuQuota, quota);
      const actual = Number(fs.readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
      if (name === 'burstable') assert.ok(actual > 2 && actual < 1000, `${actual}`);
      // Without CAP_SYS_RESOURCE nobody can go below their own score: then it is that of the runtime's caller.
      else assert.ok(actual === score || (score < 0 && !mayLowerScores()), `${name}: ${actual}`);
    }
  });

  test('weigh together what they ask for, as long as they run', async () => {
    const space = await cluster.space('weight');
    await space.apply(pod('heavy', shell(stay, { resources: { requests: { cpu: '700m' } } })));
    await space.untilReady('heavy');
    const pid = await firstPid(cluster, 'weight', 'heavy');
    const weight = () => containerCgroup(pid, '../..').cpuShares;
    await until('the class weighs what its pods do', () => weight() >= 700);
    await space.apply(pod('other', shell(stay, { resources: { requests: { cpu: '300m' } } })));
    await until('the class weighs what both do', () => weight() >= 1000);
    await space.kubectl('delete pod other --now');
    await until('the class weighs less', () => weight() < 1000);
  });

  test('does not fit: the scheduler says why', async () => {
    const space = await cluster.space('unfit');
    await space.apply(pod('huge', shell('true', { resources: { requests: { memory: '4Ti', cpu: '1000' } } })));
    await until('the event', async () =>
      (await space.kubectl('describe pod huge')).includes(
        '0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory',
      ),
    );
    const waiting = await space.get(pods, 'huge');
    const scheduled = waiting.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    assert.deepEqual(
      [waiting.status?.phase, scheduled?.status, scheduled?.reason],
      ['Pending', 'False', 'Unschedulable'],
    );
  });
});

/** Whether we hold CAP_SYS_RESOURCE (24). */
function mayLowerScores(): boolean {
  const effective = /^CapEff:\s+([0-9a-f]+)/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> 24n) & 1n) === 1n;
}

/** The limits of the cgroup that holds a process, or of one above it, on v1 or v2. */
function containerCgroup(pid: number, up = '.') {
  const lines = fs.readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
  const paths: Record<string, string> = {};
  for (const line of lines) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) as unknown as [string, string, string];
    for (const controller of (controllers || 'v2').split(',')) paths[controller] = path;
  }
  const read = (file: string) => fs.readFileSync(file, 'utf8').trim();
  if (paths.memory) {
    return {
      memoryLimit: Number(read(`/sys/fs/cgroup/memory${paths.memory}/${up}/memory.limit_in_bytes`)),
      cpuQuota: Number(read(`/sys/fs/cgroup/cpu${paths.cpu}/${up}/cpu.cfs_quota_us`)),
      cpuShares: Number(read(`/sys/fs/cgroup/cpu${paths.cpu}/${up}/cpu.shares`)),
    };
  }
  const weight = Number(read(`/sys/fs/cgroup${paths.v2}/${up}/cpu.weight`));
  return {
    memoryLimit: Number(read(`/sys/fs/cgroup${paths.v2}/${up}/memory.max`)),
    cpuQuota: Number(read(`/sys/fs/cgroup${paths.v2}/${up}/cpu.max`).split(' ')[0]),
    // The inverse of crun's conversion, which rounds down.
    cpuShares: Math.round(((weight - 1) * 262142) / 9999 + 2),
  };
}
