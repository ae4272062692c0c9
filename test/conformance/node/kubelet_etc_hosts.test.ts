import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { V1Container } from '@kubernetes/client-node';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { agnhost, podOf, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();

describe('/etc/hosts', () => {
  conformance(
    '[sig-node] KubeletManagedEtcHosts should test kubelet managed /etc/hosts file [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'etc-hosts');
      const volumes = [{ name: 'host-etc-hosts', hostPath: { path: '/etc/hosts', type: 'FileOrCreate' } }];
      const original = { name: 'host-etc-hosts', mountPath: '/etc/hosts-original' };
      const own = { name: 'host-etc-hosts', mountPath: '/etc/hosts' };
      const container = (name: string, volumeMounts = [original]): V1Container =>
        agnhost(undefined, { name, volumeMounts });
      const three = [container('busybox-1'), container('busybox-2'), container('busybox-3', [original, own])];
      await namespace.createReady(podOf('test-pod', three, { volumes }));
      const two = [container('busybox-1'), container('busybox-2')];
      await namespace.createReady(podOf('test-host-network-pod', two, { volumes, hostNetwork: true }));

      const isManaged = async (pod: string, name: string) => {
        const [hosts, unchanged] = await Promise.all(
          ['/etc/hosts', '/etc/hosts-original'].map((file) => namespace.exec(pod, name, 'cat', file)),
        );
        assert.ok(hosts && unchanged, 'both files have content');
        return hosts.startsWith('# Kubernetes-managed hosts file.') && hosts !== unchanged;
      };
      assert.equal(await isManaged('test-pod', 'busybox-1'), true);
      assert.equal(await isManaged('test-pod', 'busybox-2'), true);
      assert.equal(await isManaged('test-pod', 'busybox-3'), false, 'the container mounts one of its own');
      assert.equal(await isManaged('test-host-network-pod', 'busybox-1'), false);
      assert.equal(await isManaged('test-host-network-pod', 'busybox-2'), false);
    },
  );
});
