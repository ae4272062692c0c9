import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { testImage } from '../../cluster/fixture/image.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { podOf } from './fixture/keyed-volume.ts';
import { mountTest } from './fixture/mounttest.ts';
import { expectOutput, place } from './fixture/output.ts';

const suite = useConformanceCluster();

type Medium = 'tmpfs' | 'default';

const root = undefined;
const nonRoot = 1001;

describe('emptyDir volumes', { concurrency: 4 }, () => {
  conformance('[sig-storage] EmptyDir volumes should support (root,0644,tmpfs) [LinuxOnly] [NodeConformance]', () =>
    newFile(root, '0644', 'tmpfs'),
  );

  conformance('[sig-storage] EmptyDir volumes should support (root,0666,tmpfs) [LinuxOnly] [NodeConformance]', () =>
    newFile(root, '0666', 'tmpfs'),
  );

  conformance('[sig-storage] EmptyDir volumes should support (root,0777,tmpfs) [LinuxOnly] [NodeConformance]', () =>
    newFile(root, '0777', 'tmpfs'),
  );

  conformance('[sig-storage] EmptyDir volumes should support (non-root,0644,tmpfs) [LinuxOnly] [NodeConformance]', () =>
    newFile(nonRoot, '0644', 'tmpfs'),
  );

  conformance('[sig-storage] EmptyDir volumes should support (non-root,0666,tmpfs) [LinuxOnly] [NodeConformance]', () =>
    newFile(nonRoot, '0666', 'tmpfs'),
  );

  conformance('[sig-storage] EmptyDir volumes should support (non-root,0777,tmpfs) [LinuxOnly] [NodeConformance]', () =>
    newFile(nonRoot, '0777', 'tmpfs'),
  );

  conformance(
    '[sig-storage] EmptyDir volumes volume on tmpfs should have the correct mode [LinuxOnly] [NodeConformance]',
    () =>
      look('tmpfs', 'mode-tmpfs', root, ['--file_perm=/test-volume'], ['perms of file "/test-volume": -rwxrwxrwx\n']),
  );

  conformance('[sig-storage] EmptyDir volumes should support (root,0644,default) [LinuxOnly] [NodeConformance]', () =>
    newFile(root, '0644', 'default'),
  );

  conformance('[sig-storage] EmptyDir volumes should support (root,0666,default) [LinuxOnly] [NodeConformance]', () =>
    newFile(root, '0666', 'default'),
  );

  conformance('[sig-storage] EmptyDir volumes should support (root,0777,default) [LinuxOnly] [NodeConformance]', () =>
    newFile(root, '0777', 'default'),
  );

  conformance(
    '[sig-storage] EmptyDir volumes should support (non-root,0644,default) [LinuxOnly] [NodeConformance]',
    () => newFile(nonRoot, '0644', 'default'),
  );

  conformance(
    '[sig-storage] EmptyDir volumes should support (non-root,0666,default) [LinuxOnly] [NodeConformance]',
    () => newFile(nonRoot, '0666', 'default'),
  );

  conformance(
    '[sig-storage] EmptyDir volumes should support (non-root,0777,default) [LinuxOnly] [NodeConformance]',
    () => newFile(nonRoot, '0777', 'default'),
  );

  conformance(
    '[sig-storage] EmptyDir volumes volume on default medium should have the correct mode [LinuxOnly] [NodeConformance]',
    () =>
      look(
        'default',
        'mode-default',
        root,
        ['--file_perm=/test-volume'],
        ['perms of file "/test-volume": -rwxrwxrwx\n'],
      ),
  );

  conformance('[sig-storage] EmptyDir volumes pod should support shared volumes between containers', async () => {
    const at = await place(suite, 'shared');
    const message = 'Hello from the busy-box sub-container';
    await at.api.createNamespacedPod({
      namespace: at.namespace,
      body: podOf('pod-sharedvolume', {
        containers: [
          {
            ...{ name: 'main', image: testImage, command: ['/bin/sh'], args: ['-c', 'exec sleep 100000'] },
            volumeMounts: [{ name: 'shared-data', mountPath: '/usr/share/volumeshare' }],
          },
          {
            ...{ name: 'sub', image: testImage, command: ['/bin/sh'] },
            args: ['-c', `echo ${message} > /pod-data/shareddata.txt; exec sleep 100000`],
            volumeMounts: [{ name: 'shared-data', mountPath: '/pod-data' }],
          },
        ],
        volumes: [{ name: 'shared-data', emptyDir: {} }],
        terminationGracePeriodSeconds: 0,
      }),
    });
    await at.space.untilReady('pod-sharedvolume');
    const script =
      'until test -s /usr/share/volumeshare/shareddata.txt; do sleep 0.1; done; cat /usr/share/volumeshare/shareddata.txt';
    assert.equal(
      await at.space.kubectl(['exec', 'pod-sharedvolume', '-c', 'main', '--', 'sh', '-c', script]),
      `${message}\n`,
    );
  });
});

const modes = { '0644': '-rw-r--r--', '0666': '-rw-rw-rw-', '0777': '-rwxrwxrwx' };

/** A file that is made with a mode has it, and can be read. */
function newFile(user: number | undefined, mode: keyof typeof modes, medium: Medium): Promise<void> {
  const file = '/test-volume/test-file';
  return look(
    medium,
    `${user ?? 0}-${mode}-${medium}`,
    user,
    [`--new_file_${mode}=${file}`, `--file_perm=${file}`],
    [`perms of file "${file}": ${modes[mode]}\n`, `content of file "${file}": mount-tester new file`],
  );
}

async function look(medium: Medium, name: string, uid: number | undefined, flags: string[], expected: string[]) {
  const pod = podOf('pod', {
    containers: [
      mountTest(['--fs_type=/test-volume', ...flags], {
        volumeMounts: [{ name: 'test-volume', mountPath: '/test-volume' }],
      }),
    ],
    volumes: [{ name: 'test-volume', emptyDir: medium === 'tmpfs' ? { medium: 'Memory' } : {} }],
    ...(uid && { securityContext: { runAsUser: uid } }),
  });
  const type = medium === 'tmpfs' ? ['mount type of "/test-volume": tmpfs'] : [];
  await expectOutput(await place(suite, name), pod, [...expected, ...type]);
}
