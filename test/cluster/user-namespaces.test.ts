import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { after, before, describe, test } from 'node:test';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { configMap, pod, shell, stay } from './fixture/objects.ts';
import { firstPid } from './fixture/processes.ts';

// Volumes on tmpfs can be mapped since Linux 6.3.
const [major = 0, minor = 0] = os.release().split('.').map(Number);
const skip = major > 6 || (major === 6 && minor >= 3) ? false : 'needs Linux 6.3';

let cluster: TestCluster;
before(async () => {
  if (!skip) cluster = await startTestCluster();
});
after(() => cluster?.delete());

const hostUsers = false;
const uidOnHost = (pid: number) => Number(/^Uid:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

describe('a Pod with hostUsers: false', { concurrency: 3, skip }, () => {
  test('has users of its own: root inside, nobody in particular outside, other ones than its neighbour', async () => {
    const space = await cluster.space('users');
    await space.apply(pod('one', shell(stay), { hostUsers }), pod('two', shell(stay), { hostUsers }));
    await Promise.all([space.untilReady('one'), space.untilReady('two')]);
    assert.match(await space.exec('one', 'id'), /^uid=0\(root\)/);
    const maps = await Promise.all(['one', 'two'].map((name) => space.exec(name, 'cat /proc/self/uid_map')));
    const first = maps.map((map) => Number(map.trim().split(/\s+/)[1]));
    assert.notEqual(first[0], first[1]);
    assert.equal(uidOnHost(await firstPid(cluster, 'users', 'one')), first[0]);
    assert.equal(await space.exec('one', 'stat -c %u /bin/busybox / /etc/hosts | tr "\\n" " "'), '0 0 0 ');
    await space.exec('one', 'touch /made && chown 1000:1000 /made');
    assert.equal(await space.kubectl('logs one'), '');
  });

  test('writes to its volumes as on any node, and reads what the API gives', async () => {
    const space = await cluster.space('volumes');
    const host = fs.mkdtempSync('/tmp/vitrine-userns-');
    const volumes = [
      { name: 'disk', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory' as const } },
      { name: 'map', configMap: { name: 'map' } },
      { name: 'host', hostPath: { path: host } },
    ];
    const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
    await space.apply(
      configMap('map', { key: 'value' }),
      pod('volumes', shell(stay, { volumeMounts }), { hostUsers, volumes, securityContext: { fsGroup: 2000 } }),
    );
    await space.untilReady('volumes');
    await space.exec('volumes', 'for d in disk memory host; do echo x > /$d/file; done; chown 7:7 /host/file');
    assert.equal(
      await space.exec('volumes', 'cat /map/key; stat -c %u:%g /disk/file /memory/file'),
      'value0:2000\n0:2000\n',
    );
    const { uid, gid } = fs.statSync(`${host}/file`);
    assert.deepEqual([uid, gid], [7, 7], 'files outside belong to whom they belong inside');
    fs.rmSync(host, { recursive: true });
  });

  test('has the network, the sysctls, the processes and the PIDs of any other', async () => {
    const space = await cluster.space('namespaces');
    const sysctls = [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '80' }];
    await space.apply(
      pod('whole', [shell('exec sleep 4242'), shell(stay, { name: 'side' })], {
        ...{ hostUsers, shareProcessNamespace: true, securityContext: { sysctls } },
      }),
    );
    const ready = await space.untilReady('whole');
    const side = (script: string) => space.kubectl(['exec', 'whole', '-c', 'side', '--', 'sh', '-c', script]);
    assert.match(await side('ps'), /sleep 4242/);
    assert.match(await side('ip -4 addr show eth0'), new RegExp(`inet ${ready.status?.podIP}/`));
    assert.equal((await side('cat /proc/sys/net/ipv4/ip_unprivileged_port_start; hostname')).trim(), '80\nwhole');
    await space.kubectl('delete pod whole --now');
  });

  test('may have /proc unmasked, and is no root of the host when privileged escapes are tried', async () => {
    const space = await cluster.space('unmasked');
    const securityContext = { procMount: 'Unmasked' as const };
    await space.apply(pod('unmasked', shell(stay, { securityContext }), { hostUsers }));
    await space.untilReady('unmasked');
    const mounts = await space.exec('unmasked', 'cat /proc/self/mounts');
    assert.doesNotMatch(mounts, / \/proc\/\S+ /);
    const outcome = await space.tryKubectl(['exec', 'unmasked', '--', 'sh', '-c', 'echo 1 > /proc/sys/kernel/sysrq']);
    assert.notEqual(outcome.code, 0);
  });
});
