import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { busybox, podOf, refused, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();

describe('sysctls', { concurrency: 2 }, () => {
  conformance(
    '[sig-node] Sysctls [LinuxOnly] should support sysctls [Environment:NotInUserNS] [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'sysctl');
      const sysctls = [{ name: 'kernel.shm_rmid_forced', value: '1' }];
      const container = busybox(['/bin/sysctl', 'kernel.shm_rmid_forced']);
      const output = await namespace.output(podOf('sysctl', container, { securityContext: { sysctls } }));
      assert.match(output, /kernel\.shm_rmid_forced = 1/);
    },
  );

  conformance('[sig-node] Sysctls [LinuxOnly] should reject invalid sysctls [NodeConformance]', async () => {
    const namespace = await testNamespace(suite, 'sysctl');
    const sysctls = [
      { name: 'foo-', value: 'bar' },
      { name: 'kernel.shmmax', value: '100000000' },
      { name: 'safe-and-unsafe', value: '100000000' },
      { name: 'bar..', value: '42' },
    ];
    const pod = podOf('sysctl', busybox(['true']), { securityContext: { sysctls } });
    const { message = '' } = await refused(namespace.create(pod), 422);
    assert.ok(message.includes('Invalid value: "foo-"'), message);
    assert.ok(message.includes('Invalid value: "bar.."'), message);
    assert.ok(!message.includes('safe-and-unsafe'), message);
    assert.ok(!message.includes('kernel.shmmax'), message);
  });
});
