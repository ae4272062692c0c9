import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { PersistentVolumeClaim, Pod, PodSpec } from '../../src/api/generated/core-v1.ts';
import { persistentVolumeClaims, persistentVolumes, pods } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { testImage } from './fixture/image.ts';
import { pod, shell, stay } from './fixture/objects.ts';
import { run } from './fixture/run.ts';
import { until, untilObject } from './fixture/until.ts';

let cluster: TestCluster;
/** A file system of the host that the tests' volumes lie in, shared as on machines with systemd. */
let host: string;
before(async () => {
  cluster = await startTestCluster();
  host = fs.mkdtempSync('/tmp/vitrine-volumes-');
  await mount('-t', 'tmpfs', '-o', 'size=64m', 'volumes', host);
  await mount('--make-shared', host);
});
after(async () => {
  await cluster?.delete();
  await run('umount', ['-R', host]);
  fs.rmdirSync(host);
});

async function mount(...args: string[]): Promise<void> {
  const { code, stderr } = await run('mount', args);
  assert.equal(code, 0, stderr);
}

/** CAP_SYS_RESOURCE (capabilities(7)). */
const mayGrowMounted = (): boolean => {
  const [, mask = '0'] = /^CapEff:\s*(\w+)/m.exec(fs.readFileSync('/proc/self/status').toString()) ?? [];
  return (BigInt(`0x${mask}`) & (1n << 24n)) !== 0n;
};

const waiting = (one: Pod | undefined) => one?.status?.containerStatuses?.[0]?.state?.waiting;
const mounted = (mountPath: string, more: object = {}) => ({ volumeMounts: [{ name: 'v', mountPath, ...more }] });
const claimOf = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '8Mi' } }, ...more },
});
const usingClaim = (claimName: string): Partial<PodSpec> => ({
  volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
});

describe('volumes', { concurrency: 4 }, () => {
  test('in memory have the least of their own limit and that of the Pod', async () => {
    const space = await cluster.space('memory');
    const limited = { resources: { limits: { memory: '32Mi' } } };
    const size = { ...shell(stay, mounted('/m')) };
    const volume = (sizeLimit?: string): Partial<PodSpec> => ({
      volumes: [{ name: 'v', emptyDir: { medium: 'Memory', ...(sizeLimit && { sizeLimit }) } }],
    });
    await space.apply(
      pod('own', { ...size, ...limited }, volume('10Mi')),
      pod('of-pod', { ...size, ...limited }, volume('1Gi')),
      pod('unlimited', size, volume()),
    );
    const blocks = async (name: string) => {
      await space.untilReady(name);
      const [count, bytes] = (await space.exec(name, 'stat -f -c "%b %S" /m')).trim().split(' ').map(Number);
      return (count ?? 0) * (bytes ?? 0);
    };
    assert.equal(await blocks('own'), 10 * 2 ** 20);
    assert.equal(await blocks('of-pod'), 32 * 2 ** 20);
    const node = JSON.parse(await cluster.kubectl(`get node ${cluster.config.nodeName} -o json`));
    const allocatable = Number.parseInt(node.status.allocatable.memory, 10) * 1024;
    assert.ok(Math.abs((await blocks('unlimited')) - allocatable) < 4096);
  });

  test('of images show their files, whole or a piece, read-only and not to be executed', async () => {
    const space = await cluster.space('image');
    const volumes = [{ name: 'v', image: { reference: testImage, pullPolicy: 'IfNotPresent' as const } }];
    const volumeMounts = [
      { name: 'v', mountPath: '/image' },
      { name: 'v', mountPath: '/piece', subPath: 'usr/bin' },
    ];
    await space.apply(
      pod('good', shell(stay, { volumeMounts }), { volumes }),
      pod('absent', shell(stay, mounted('/image')), {
        volumes: [{ name: 'v', image: { reference: 'vitrine-test:absent', pullPolicy: 'Never' } }],
      }),
    );
    await space.untilReady('good');
    assert.equal(
      (
        await space.exec(
          'good',
          'test -x /image/bin/busybox -o -x /image/usr/bin/busybox && ls /piece | grep -c "^busybox$"',
        )
      ).trim(),
      '1',
    );
    assert.match(
      await space.kubectlFails(['exec', 'good', '--', 'sh', '-c', 'echo x > /image/x']),
      /Read-only file system/,
    );
    assert.match(await space.kubectlFails(['exec', 'good', '--', '/piece/busybox', 'true']), /permission denied/i);
    const absent = await space.until(pods, 'absent', (one) => waiting(one)?.reason === 'ErrImageNeverPull');
    assert.match(waiting(absent)?.message ?? '', /vitrine-test:absent/);
  });

  test('follow mounts of the host, and give it theirs, as told', async () => {
    const space = await cluster.space('propagation');
    for (const name of ['none', 'follow', 'give']) fs.mkdirSync(`${host}/${name}/in`, { recursive: true });
    const at = (name: string, mountPropagation: string, privileged = false) =>
      pod(name, shell(stay, { ...mounted('/v', { mountPropagation }), securityContext: { privileged } }), {
        volumes: [{ name: 'v', hostPath: { path: `${host}/${name}` } }],
      });
    await space.apply(at('none', 'None'), at('follow', 'HostToContainer'), at('give', 'Bidirectional', true));
    await Promise.all(['none', 'follow', 'give'].map((name) => space.untilReady(name)));
    for (const name of ['none', 'follow']) {
      await mount('-t', 'tmpfs', 'later', `${host}/${name}/in`);
      fs.writeFileSync(`${host}/${name}/in/file`, 'later');
    }
    assert.equal(await space.exec('follow', 'cat /v/in/file'), 'later');
    assert.match(await space.kubectlFails(['exec', 'none', '--', 'cat', '/v/in/file']), /No such file/);
    await space.exec('give', 'mount -t tmpfs given /v/in && echo given > /v/in/file');
    assert.equal(fs.readFileSync(`${host}/give/in/file`, 'utf8'), 'given\n');
    await space.exec('follow', 'ls /v');
    await space.kubectl('delete pod give none follow');
    await run('umount', [`${host}/give/in`]);
  });

  test('are read-only with all that is mounted in them, if told', async () => {
    const space = await cluster.space('recursive');
    fs.mkdirSync(`${host}/tree/in`, { recursive: true });
    await mount('-t', 'tmpfs', 'inner', `${host}/tree/in`);
    const at = (name: string, recursiveReadOnly: string) =>
      pod(name, shell(stay, mounted('/v', { readOnly: true, recursiveReadOnly })), {
        volumes: [{ name: 'v', hostPath: { path: `${host}/tree` } }],
      });
    await space.apply(at('plain', 'Disabled'), at('enabled', 'Enabled'), at('possible', 'IfPossible'));
    for (const [name, status] of [
      ['plain', 'Disabled'],
      ['enabled', 'Enabled'],
      ['possible', 'Enabled'],
    ] as const) {
      const ready = await space.untilReady(name);
      assert.equal(ready.status?.containerStatuses?.[0]?.volumeMounts?.[0]?.recursiveReadOnly, status);
      assert.match(await space.kubectlFails(['exec', name, '--', 'touch', '/v/x']), /Read-only/);
    }
    await space.exec('plain', 'touch /v/in/x');
    for (const name of ['enabled', 'possible'])
      assert.match(await space.kubectlFails(['exec', name, '--', 'touch', '/v/in/x']), /Read-only/);
  });

  test('of claims are made, grow, outlive Pods and go with their claim', async () => {
    const space = await cluster.space('claim');
    await space.apply(
      claimOf('data'),
      pod('writer', shell(`echo kept > /v/x; ${stay}`, mounted('/v')), usingClaim('data')),
    );
    await space.untilReady('writer');
    await space.kubectl('delete pod writer');
    await space.apply(pod('reader', shell(`cat /v/x; ${stay}`, mounted('/v')), usingClaim('data')));
    await space.untilReady('reader');
    assert.equal(await space.kubectl('logs reader'), 'kept\n');
    await space.kubectl(['patch', 'pvc', 'data', '-p', '{"spec":{"resources":{"requests":{"storage":"16Mi"}}}}']);
    const grown = await space.until(persistentVolumeClaims, 'data', (one) => one?.status?.capacity?.storage === '16Mi');
    const volumeName = grown.spec.volumeName ?? '';
    const volume = await cluster.client.get(persistentVolumes, volumeName);
    assert.equal(volume.spec.capacity?.storage, '16Mi');
    const smaller = ['patch', 'pvc', 'data', '-p', '{"spec":{"resources":{"requests":{"storage":"4Mi"}}}}'];
    assert.match(await space.kubectlFails(smaller), /can not be less than status.capacity/);
    await space.kubectl('delete pod reader');
    await space.kubectl('delete pvc data');
    await until('the volume is gone', async () => !fs.existsSync(volume.spec.hostPath?.path ?? ''));
  });

  test('that are devices can be read and written as such, and their data stays', async () => {
    const space = await cluster.space('block');
    const device = { volumeDevices: [{ name: 'v', devicePath: '/dev/xvda' }] };
    await space.apply(claimOf('disk', { volumeMode: 'Block' }), pod('writer', shell(stay, device), usingClaim('disk')));
    await space.untilReady('writer');
    assert.equal((await space.exec('writer', 'test -b /dev/xvda && wc -c < /dev/xvda')).trim(), String(8 * 2 ** 20));
    await space.exec('writer', 'echo block-data | dd of=/dev/xvda conv=notrunc,fsync 2> /dev/null');
    await space.kubectl('delete pod writer');
    const script = 'dd if=/dev/xvda bs=10 count=1 2> /dev/null';
    await space.apply(
      pod('reader', shell(script, device), { ...usingClaim('disk'), restartPolicy: 'Never' }),
      pod('wrong', shell(stay, mounted('/v')), usingClaim('disk')),
    );
    await space.untilOver('reader');
    assert.equal(await space.kubectl('logs reader'), 'block-data');
    const wrong = await space.until(pods, 'wrong', (one) => waiting(one)?.reason === 'CreateContainerConfigError');
    assert.equal(waiting(wrong)?.message, 'volume v has volumeMode Block, but is specified in volumeMounts');
    await space.kubectl('delete pod reader wrong');
    await space.kubectl('delete pvc disk');
    await until('no loop device is left', async () => {
      const { stdout } = await run('sh', ['-c', 'cat /sys/block/loop*/loop/backing_file 2> /dev/null; true']);
      // Also not one of a file that is "(deleted)".
      return !stdout.split('\n').some((file) => file.includes(`/${cluster.name}/`) && file.includes('_block_disk'));
    });
  });

  test('of claims that are held to their size have it, grow in use, and are full when they are full', async () => {
    const space = await cluster.space('held');
    const claim = claimOf('data', { storageClassName: 'local-image' });
    await space.apply(claim, pod('user', shell(stay, mounted('/v')), usingClaim('data')));
    await space.untilReady('user');
    const untilGrown = async () => {
      const is = (one?: PersistentVolumeClaim) => one?.status?.capacity?.storage === '24Mi';
      const claim = await space.until(persistentVolumeClaims, 'data', is);
      assert.deepEqual(claim.status?.conditions ?? [], []);
      return claim;
    };
    const size = async (name: string) => {
      const [blocks, bytes] = (await space.exec(name, 'stat -f -c "%b %S" /v')).trim().split(' ').map(Number);
      return (blocks ?? 0) * (bytes ?? 0);
    };
    const before = await size('user');
    assert.ok(before > 6 * 2 ** 20 && before <= 8 * 2 ** 20, `${before} of 8Mi`);
    assert.match(await space.exec('user', 'dd if=/dev/zero of=/v/big bs=1M count=16 2>&1 || true'), /No space left/);
    await space.exec('user', 'rm /v/big; echo kept > /v/file');
    const grow = (storage: string) =>
      space.kubectl(['patch', 'pvc', 'data', '-p', JSON.stringify({ spec: { resources: { requests: { storage } } } })]);
    await grow('24Mi');
    // ext4 grows in use for whom the kernel lets do it; for others with the next mount.
    if (mayGrowMounted()) await untilGrown();
    else
      await until('the reason', async () =>
        /Permission denied/.test(await space.kubectl('get events -o jsonpath={.items[*].message}')),
      );
    await space.kubectl('delete pod user --wait=true');
    await space.apply(pod('next', shell(stay, mounted('/v')), usingClaim('data')));
    await space.untilReady('next');
    const grown = await untilGrown();
    assert.ok((await size('next')) > 20 * 2 ** 20);
    assert.equal(await space.exec('next', 'cat /v/file'), 'kept\n');
    const volume = grown.spec.volumeName ?? '';
    const uses = () => fs.readFileSync('/proc/self/mountinfo').toString().includes(volume);
    assert.equal(uses(), true);
    await space.kubectl('delete pod next --wait=true');
    assert.equal(uses(), false);
    await space.kubectl('delete pvc data --wait=true');
    await untilObject(cluster.client, persistentVolumes, undefined, volume, (one) => one === undefined);
  });

  test('of claims for one Pod only go to one Pod; those made for a Pod go with it', async () => {
    const space = await cluster.space('exclusive');
    const alone = claimOf('alone', { accessModes: ['ReadWriteOncePod'] });
    await space.apply(alone, pod('first', shell(stay, mounted('/v')), usingClaim('alone')));
    await space.untilReady('first');
    await space.apply(
      pod('second', shell(stay, mounted('/v')), usingClaim('alone')),
      // Past the scheduler.
      pod('third', shell(stay, mounted('/v')), { ...usingClaim('alone'), nodeName: cluster.config.nodeName }),
    );
    const about = (name: string) =>
      space.kubectl(`get events --field-selector involvedObject.name=${name} -o jsonpath={.items[*].message}`);
    await until('the scheduler refuses', async () =>
      (await about('second')).includes(
        'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod',
      ),
    );
    await until('the kubelet refuses', async () =>
      (await about('third')).includes(
        'volume uses the ReadWriteOncePod access mode and is already in use by another pod',
      ),
    );
    await space.kubectl('delete pod first second');
    await space.untilReady('third');

    const volumeClaimTemplate = {
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
    };
    const own = { volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate } }] } as Partial<PodSpec>;
    await space.apply(pod('owner', shell(`echo x > /v/x; ${stay}`, mounted('/v')), own));
    await space.untilReady('owner');
    const claim = await space.get(persistentVolumeClaims, 'owner-v');
    assert.equal(claim.metadata.ownerReferences?.[0]?.name, 'owner');
    await space.kubectl('delete pod owner');
    await space.until(persistentVolumeClaims, 'owner-v', (one) => one === undefined);
  });

  test('of their own are given to the Pod’s group, as the policy says', async () => {
    const space = await cluster.space('group');
    fs.mkdirSync(`${host}/owned/deep`, { recursive: true });
    fs.writeFileSync(`${host}/owned/deep/file`, 'x', { mode: 0o600 });
    fs.symlinkSync('/etc/passwd', `${host}/owned/link`);
    const before = fs.statSync('/etc/passwd');
    await space.apply(
      {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: 'owned' },
        spec: {
          capacity: { storage: '8Mi' },
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'owned',
          local: { path: `${host}/owned` },
          nodeAffinity: {
            required: {
              nodeSelectorTerms: [
                {
                  matchExpressions: [
                    { key: 'kubernetes.io/hostname', operator: 'In', values: [cluster.config.nodeName] },
                  ],
                },
              ],
            },
          },
        },
      },
      claimOf('owned', { storageClassName: 'owned' }),
      pod('member', shell(stay, mounted('/v')), {
        ...usingClaim('owned'),
        securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 4242 },
      }),
    );
    await space.untilReady('member');
    assert.equal(
      (
        await space.exec('member', 'cat /v/deep/file && touch /v/deep/new && stat -c %g:%a /v /v/deep/file /v/deep/new')
      ).trim(),
      'x4242:2775\n4242:660\n4242:644',
    );
    assert.deepEqual([fs.statSync('/etc/passwd').gid, fs.statSync('/etc/passwd').mode], [before.gid, before.mode]);
    await space.kubectl('delete pod member');
    fs.chownSync(`${host}/owned/deep/file`, 0, 0);
    await space.apply(
      pod('trusting', shell(stay, mounted('/v')), {
        ...usingClaim('owned'),
        securityContext: { runAsUser: 1000, fsGroup: 4242, fsGroupChangePolicy: 'OnRootMismatch' },
      }),
    );
    await space.untilReady('trusting');
    assert.equal((await space.exec('trusting', 'stat -c %g /v/deep/file')).trim(), '0');
  });

  test('of host paths are checked by type', async () => {
    const space = await cluster.space('types');
    fs.mkdirSync(`${host}/types`);
    fs.writeFileSync(`${host}/types/file`, '');
    const cases: [string, string, string][] = [
      ['directory', 'file', 'is not a directory'],
      ['file', 'absent', 'is not a file'],
      ['socket', 'file', 'is not a socket file'],
      ['char-device', 'file', 'is not a character device'],
      ['block-device', 'file', 'is not a block device'],
    ];
    const type = (name: string) => name.replace(/(^|-)[a-z]/g, (letter) => letter.slice(-1).toUpperCase());
    await space.apply(
      ...cases.map(([name, file]) =>
        pod(name, shell(stay, mounted('/v')), {
          volumes: [{ name: 'v', hostPath: { path: `${host}/types/${file}`, type: type(name) as never } }],
        }),
      ),
      pod('made', shell(stay, mounted('/v')), {
        volumes: [{ name: 'v', hostPath: { path: `${host}/types/made/deep`, type: 'DirectoryOrCreate' } }],
      }),
    );
    await space.untilReady('made');
    for (const [name, file, message] of cases)
      await until(`${name} is refused`, async () =>
        (
          await space.kubectl(`get events --field-selector involvedObject.name=${name} -o jsonpath={.items[*].message}`)
        ).includes(
          `MountVolume.SetUp failed for volume "v" : hostPath type check failed: ${host}/types/${file} ${message}`,
        ),
      );
  });

  test('that a container fills with symbolic links lead nobody out', async () => {
    const space = await cluster.space('escape');
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'trap' } }];
    const subPath = (path: string) => pod(path, shell(stay, mounted('/inside', { subPath: path })), { volumes });
    await space.apply(
      claimOf('trap'),
      pod('trapper', shell(`ln -s /etc /v/out; mkdir -p /v/real/sub; ln -s real /v/alias; ${stay}`, mounted('/v')), {
        volumes,
      }),
    );
    await space.untilReady('trapper');
    await until('the links are there', async () => (await space.exec('trapper', 'ls /v')).includes('alias'));
    await space.apply(subPath('out'), subPath('alias'));
    await space.untilReady('alias');
    assert.equal((await space.exec('alias', 'ls /inside')).trim(), 'sub');
    const out = await space.until(pods, 'out', (one) => waiting(one)?.reason === 'CreateContainerConfigError');
    assert.match(waiting(out)?.message ?? '', /leads outside of it/);
  });
});
