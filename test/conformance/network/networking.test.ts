import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import { nodes, pods } from '../../../src/api/resource.ts';
import { until } from '../../cluster/fixture/until.ts';
import { askingPod } from '../fixture/asking.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { netexec, template } from '../fixture/workloads.ts';

const suite = await startConformanceCluster();
const { cluster, kube } = suite;
after(() => cluster.delete());

/** A Pod that answers HTTP on 8083 and UDP on 8081 for each node, two where there is but one (NetworkingTestConfig). */
async function netserverPods() {
  const namespace = await kube.namespace('pod-network-test');
  const inside = kube.of(pods, namespace);
  const count = Math.max(2, (await kube.of(nodes).list()).items.length);
  const container = netexec({
    args: ['netexec', '--http-port=8083', '--udp-port=8081'],
    ports: [{ containerPort: 8083 }, { containerPort: 8081, protocol: 'UDP' }],
    readinessProbe: { httpGet: { path: '/healthz', port: 8083 }, periodSeconds: 1, timeoutSeconds: 30 },
  });
  const servers: { name: string; ip: string }[] = [];
  for (let i = 0; i < count; i++)
    await inside.create({ metadata: { name: `netserver-${i}` }, spec: template({}, container).spec });
  for (let i = 0; i < count; i++) {
    const { metadata, status } = await inside.until(
      `netserver-${i}`,
      (pod) => pod?.status?.containerStatuses?.[0]?.ready,
    );
    servers.push({ name: metadata.name, ip: status!.podIP! });
  }
  return { namespace, servers };
}

/** Every Pod is reached from another Pod, by its name. */
async function fromPod(protocol: 'http' | 'udp'): Promise<void> {
  const { namespace, servers } = await netserverPods();
  const client = await askingPod(suite, namespace, 'test-container-pod', template({}, netexec()).spec);
  for (const { name, ip } of servers) {
    const port = protocol === 'http' ? 8083 : 8081;
    const url = `http://localhost:8080/dial?request=hostname&protocol=${protocol}&host=${ip}&port=${port}&tries=1`;
    await until(`${name} answers over ${protocol}`, async () => {
      const text = await client.run(`curl -s -m 8 "${url}"`);
      return text && JSON.parse(text).responses?.join() === name;
    });
  }
}

/** Every Pod is reached from its node. */
async function fromNode(protocol: 'http' | 'udp'): Promise<void> {
  const { namespace, servers } = await netserverPods();
  const client = await askingPod(suite, namespace, 'host-test-container-pod', { hostNetwork: true });
  const { status } = await kube.of(pods, namespace).get('host-test-container-pod');
  assert.equal(status?.podIP, status?.hostIP);
  for (const { name, ip } of servers) {
    const script =
      protocol === 'http' ? `curl -s -m 3 http://${ip}:8083/hostName` : `echo hostName | socat -t 1 - UDP:${ip}:8081`;
    await until(`${name} answers over ${protocol}`, async () => (await client.run(script)).trim() === name);
  }
}

describe('networking', { concurrency: 4 }, () => {
  conformance(
    '[sig-network] Networking Granular Checks: Pods should function for intra-pod communication: http [NodeConformance]',
    () => fromPod('http'),
  );

  conformance(
    '[sig-network] Networking Granular Checks: Pods should function for intra-pod communication: udp [NodeConformance]',
    () => fromPod('udp'),
  );

  conformance(
    '[sig-network] Networking Granular Checks: Pods should function for node-pod communication: http [LinuxOnly] [NodeConformance]',
    () => fromNode('http'),
  );

  conformance(
    '[sig-network] Networking Granular Checks: Pods should function for node-pod communication: udp [LinuxOnly] [NodeConformance]',
    () => fromNode('udp'),
  );
});
