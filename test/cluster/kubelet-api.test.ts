import assert from 'node:assert/strict';
import https from 'node:https';
import { after, before, describe, it } from 'node:test';
import { nodes } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { testImage } from './fixture/image.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
let host: string;
let port: number;
let node: string;

before(async () => {
  cluster = await startTestCluster();
  const [found] = (await cluster.client.list(nodes)).items;
  node = found!.metadata.name;
  host = found!.status!.addresses![0]!.address;
  port = found!.status!.daemonEndpoints!.kubeletEndpoint!.Port;
  const space = await cluster.space('measured');
  await space.kubectl(['run', 'w', `--image=${testImage}`, '--', 'sleep', '1000']);
  await space.untilReady('w');
});
after(() => cluster.delete());

function ask(path: string, token?: string, method = 'GET'): Promise<{ status: number; body: string }> {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const request = https.request({ host, port, path, method, headers, rejectUnauthorized: false, agent: false });
  request.on('error', reject).on('response', async (response) => {
    const body = (await response.toArray()).join('');
    resolve({ status: response.statusCode ?? 0, body });
  });
  request.end();
  return promise;
}

describe("the kubelet's API on the network", () => {
  it('is for those whom the cluster lets: by token, and by the roles of the cluster', async () => {
    await cluster.kubectl('create serviceaccount monitor');
    const token = (await cluster.kubectl('create token monitor')).trim();
    assert.equal((await ask('/metrics/resource')).status, 401);
    assert.equal((await ask('/metrics/resource', `${token}x`)).status, 401);
    const refused = await ask('/pods', token);
    assert.equal(refused.status, 403);
    assert.match(
      refused.body,
      /user=system:serviceaccount:default:monitor, verb=get, resource=nodes, subresource\(s\)=\[pods proxy\]/,
    );
    await cluster.kubectl('create clusterrole metrics --verb=get --resource=nodes/metrics');
    await cluster.kubectl('create clusterrolebinding monitor --clusterrole=metrics --serviceaccount=default:monitor');
    const figures = await ask('/metrics/resource', token);
    assert.equal(figures.status, 200);
    assert.match(
      figures.body,
      /container_memory_working_set_bytes\{container="w",namespace="measured",pod="w"\} \d+ \d+/,
    );
    assert.equal((await ask('/run/measured/w/w?cmd=id', token, 'POST')).status, 403);
  });

  it('tells what Pods use, in all three formats', async () => {
    const raw = (path: string) => cluster.kubectl(['get', '--raw', `/api/v1/nodes/${node}/proxy/${path}`]);
    const summary = JSON.parse(await raw('stats/summary'));
    const pod = summary.pods.find((one: { podRef: { name: string } }) => one.podRef.name === 'w');
    const [container] = pod.containers;
    assert.equal(container.name, 'w');
    assert.ok(container.memory.workingSetBytes > 50_000 && container.memory.workingSetBytes < 50_000_000);
    assert.ok(container.cpu.usageCoreNanoSeconds > 0);
    assert.equal(pod.network.name, 'eth0');
    assert.ok(summary.node.fs.capacityBytes > summary.node.fs.usedBytes);
    // The second time there is something to compare with.
    const rated = await until('the rate is known', async () => {
      const again = JSON.parse(await raw('stats/summary?only_cpu_and_memory=true'));
      return again.node.cpu.usageNanoCores as number | undefined;
    });
    assert.ok(rated > 0);
    assert.match(
      await raw('metrics/cadvisor'),
      /container_network_receive_bytes_total\{container="",.*pod="w",interface="eth0"\}/,
    );
    assert.match(await raw('metrics'), /kubelet_running_pods [1-9]/);
    assert.match(await raw('configz'), /"maxPods":\d+/);
    assert.equal(await raw('healthz'), 'ok');
    assert.match(await raw('logs/'), /<a href="/);
  });
});
