import assert from 'node:assert/strict';
import { after } from 'node:test';
import { nodes, pods } from '../../../src/api/resource.ts';
import { until } from '../../cluster/fixture/until.ts';
import { askingPod } from '../fixture/asking.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { netexec, template } from '../fixture/workloads.ts';

const suite = await startConformanceCluster();
const { cluster, kube } = suite;
after(() => cluster.delete());

conformance(
  '[sig-network] HostPort validates that there is no conflict between pods with same hostPort but different hostIP and protocol [LinuxOnly]',
  async () => {
    const namespace = await kube.namespace('hostport');
    const inside = kube.of(pods, namespace);
    const [node] = (await kube.of(nodes).list()).items;
    const address = node!.status!.addresses!.find(({ type }) => type === 'InternalIP')!.address;
    const hostPort = 54323;
    const create = async (name: string, hostIP: string, protocol: 'TCP' | 'UDP') => {
      const container = netexec({
        args: ['netexec', '--http-port=8080', '--udp-port=8080'],
        ports: [{ hostPort, containerPort: 8080, protocol, hostIP }],
      });
      await inside.create({
        metadata: { name },
        spec: template({}, container, {
          nodeSelector: { 'kubernetes.io/hostname': node!.metadata.labels!['kubernetes.io/hostname']! },
        }).spec,
      });
      await inside.until(name, (pod) => pod?.status?.containerStatuses?.[0]?.ready);
    };
    await create('pod1', '127.0.0.1', 'TCP');
    await create('pod2', address, 'TCP');
    await create('pod3', address, 'UDP');

    const client = await askingPod(suite, namespace, 'e2e-host-exec', { hostNetwork: true });
    const expectName = async (name: string, script: string) => {
      await until(`${name} answers`, async () => (await client.run(script)).trim() === name);
    };
    await expectName('pod1', `curl -s -m 3 http://127.0.0.1:${hostPort}/hostname`);
    await expectName('pod2', `curl -s -m 3 http://${address}:${hostPort}/hostname`);
    await expectName('pod3', `echo hostname | socat -t 1 - UDP:${address}:${hostPort}`);
    assert.equal((await inside.list()).items.length, 4);
  },
);
