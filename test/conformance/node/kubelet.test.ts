import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { until } from '../../cluster/fixture/until.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { agnhost, busybox, podOf, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();

describe('kubelet', { concurrency: 4 }, () => {
  conformance(
    '[sig-node] Kubelet when scheduling a busybox command in a pod should print the output to logs [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'kubelet');
      await namespace.createReady(podOf('busybox', busybox(['sh', '-c', "echo 'Hello World' ; sleep 240"])));
      const sinceSeconds = 3600;
      await until('the log holds the line', async () => {
        const log = await namespace.core.readNamespacedPodLog({
          namespace: namespace.name,
          name: 'busybox',
          sinceSeconds,
        });
        return log === 'Hello World\n';
      });
    },
  );

  conformance(
    '[sig-node] Kubelet when scheduling a busybox command that always fails in a pod should have an terminated reason [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'kubelet');
      await namespace.create(podOf('bin-false', busybox(['/bin/false'])));
      const pod = await namespace.until('bin-false', (one) => one?.status?.containerStatuses?.[0]?.state?.terminated);
      assert.equal(pod.status?.containerStatuses?.length, 1);
      const ended = pod.status?.containerStatuses?.[0]?.state?.terminated;
      assert.notEqual(ended?.exitCode, 0);
      assert.ok(ended?.reason);
    },
  );

  conformance(
    '[sig-node] Kubelet when scheduling a busybox command that always fails in a pod should be possible to delete [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'kubelet');
      await namespace.create(podOf('bin-false', busybox(['/bin/false'])));
      await namespace.remove('bin-false');
    },
  );

  conformance(
    '[sig-node] Kubelet when scheduling an agnhost Pod with hostAliases should write entries to /etc/hosts [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'kubelet');
      const hostAliases = [{ ip: '123.45.67.89', hostnames: ['foo', 'bar'] }];
      const output = await namespace.output(podOf('host-aliases', agnhost(['etc-hosts']), { hostAliases }));
      assert.ok(output.includes('123.45.67.89\tfoo\tbar'), output);
    },
  );

  conformance(
    '[sig-node] Kubelet when scheduling a read only busybox container should not write to root filesystem [LinuxOnly] [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'kubelet');
      const container = busybox(['/bin/sh', '-c', 'echo test > /file; sleep 240'], {
        securityContext: { readOnlyRootFilesystem: true },
      });
      await namespace.createReady(podOf('readonly', container));
      await until('the shell has said why it cannot write', async () =>
        (await namespace.logs('readonly')).includes("can't create /file: Read-only file system\n"),
      );
    },
  );
});
