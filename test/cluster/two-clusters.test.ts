import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pods, services } from '../../src/api/resource.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { footprint } from './fixture/footprint.ts';
import { get, keepAsking } from './fixture/http.ts';
import { deployment, pod, service, shell, stay, web } from './fixture/objects.ts';

let both: [TestCluster, TestCluster];
before(async () => {
  // One after the other: each picks a free port and free addresses.
  both = [await startTestCluster(), await startTestCluster()];
});
after(async () => {
  for (const cluster of both ?? []) await cluster.delete().catch(() => {});
});

async function serve(cluster: TestCluster): Promise<{ space: Space; url: string; ips: string[] }> {
  const space = await cluster.space('twin');
  await space.apply(
    deployment('web', 2, web()),
    service('web', 'web', { type: 'LoadBalancer' }),
    pod('client', shell(stay)),
  );
  await Promise.all([space.kubectl('rollout status deployment/web --timeout=60s'), space.untilReady('client')]);
  const { status } = await space.until(services, 'web', (one) => one?.status?.loadBalancer?.ingress?.[0]?.ip);
  const { items } = await cluster.client.list(pods, { namespace: 'twin' });
  return {
    space,
    url: `http://${status?.loadBalancer?.ingress?.[0]?.ip}/`,
    ips: items.map((one) => one.status?.podIP as string),
  };
}

test('two clusters run beside each other; deleting one leaves the other serving', async (context) => {
  const [one, two] = (await Promise.all(both.map(serve))) as [
    Awaited<ReturnType<typeof serve>>,
    Awaited<ReturnType<typeof serve>>,
  ];
  assert.notEqual(one.url, two.url);
  assert.deepEqual(
    one.ips.filter((ip) => two.ips.includes(ip)),
    [],
  );
  const [planOne, planTwo] = both.map(({ config }) => config.plan) as [
    TestCluster['config']['plan'],
    TestCluster['config']['plan'],
  ];
  for (const key of ['podCidr', 'serviceCidr', 'loadBalancerCidr', 'nodeAddress', 'hostLink', 'nftTable'] as const)
    assert.notEqual(planOne[key], planTwo[key], key);
  const listed = await both[0].vitrine('ps -n twin -o json');
  assert.ok(!two.ips.some((ip) => listed.includes(ip)));
  assert.equal(JSON.parse(listed).processes.length >= 3, true);

  const asking = keepAsking(two.url);
  context.after(() => asking.stop());
  const before = await footprint(both[1]);
  await both[0].vitrine('delete');
  assert.match(await get(two.url), /^web-/);
  assert.match(await two.space.exec('client', 'curl -s --max-time 10 http://web/'), /^web-/);
  await two.space.apply(pod('later', shell(stay)));
  await two.space.untilReady('later');
  await two.space.kubectl('delete pod later');
  // Its processes come and go with their probes.
  assert.deepEqual({ ...(await footprint(both[1])), processes: [] }, { ...before, processes: [] });
  assert.deepEqual((await asking.stop()).failures, []);
});
