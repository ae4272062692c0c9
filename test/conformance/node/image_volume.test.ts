import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { busybox, podOf, testNamespace } from '../fixture/namespace.ts';
import { otherTesthost } from '../fixture/testhost-image.ts';

const suite = useConformanceCluster();

describe('image volumes', () => {
  conformance(
    '[sig-node] ImageVolume should succeed with pod and pull policy of Always [LinuxOnly] [MinimumKubeletVersion:1.35]',
    async () => {
      const namespace = await testNamespace(suite, 'image-volume');
      const volumes = [{ name: 'volume', image: { reference: otherTesthost, pullPolicy: 'Always' } }];
      const container = busybox(['/bin/sh', '-c', 'while true; do echo test; sleep 1; done'], {
        volumeMounts: [{ name: 'volume', mountPath: '/volume' }],
      });
      await namespace.createReady(podOf('test-pod', container, { volumes }));
      const read = (file: string) => namespace.exec('test-pod', 'busybox', '/bin/cat', file);
      assert.match(await read('/volume/testhost'), /agnhost/);
      assert.match(await read('/volume/etc/passwd'), /^root:/);
      const { status } = await namespace.tryExec('test-pod', 'busybox', 'touch', '/volume/file');
      assert.equal(status.status, 'Failure', 'an image volume is read-only');
    },
  );
});
