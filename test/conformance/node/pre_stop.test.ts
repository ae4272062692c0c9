import { describe } from 'node:test';
import { until } from '../../cluster/fixture/until.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { busybox, netexec, podOf, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();

describe('preStop', () => {
  conformance('[sig-node] PreStop should call prestop when killing a pod', async () => {
    const namespace = await testNamespace(suite, 'prestop');
    const server = await namespace.createReady(podOf('server', netexec()));
    const url = `http://${server.status?.podIP}:8080/shell`;
    const command = ['wget', '-O-', '--post-data=cmd=echo prestop >> /received', url];
    const tester = busybox(['sleep', '600'], { name: 'tester', lifecycle: { preStop: { exec: { command } } } });
    await namespace.createReady(podOf('tester', tester, { terminationGracePeriodSeconds: 5 }));
    await namespace.core.deleteNamespacedPod({ namespace: namespace.name, name: 'tester' });
    await until('the server has received what the hook sends', async () => {
      const proxy = `/api/v1/namespaces/${namespace.name}/pods/server:8080/proxy`;
      const answer = await namespace.space.kubectl(['get', '--raw', `${proxy}/shell?cmd=cat%20/received`]);
      return answer.includes('prestop');
    });
  });
});
