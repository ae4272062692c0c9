import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { configMaps, deployments, pods, services } from '../../src/api/resource.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { empty, footprint } from './fixture/footprint.ts';
import { get } from './fixture/http.ts';
import { configMap, deployment, pod, service, shell, stay, web } from './fixture/objects.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
let space: Space;
before(async () => {
  cluster = await startTestCluster();
  space = await cluster.space('life');
  const volumes = [
    { name: 'memory', emptyDir: { medium: 'Memory' } },
    { name: 'disk', emptyDir: {} },
  ];
  const volumeMounts = [
    { name: 'memory', mountPath: '/memory' },
    { name: 'disk', mountPath: '/disk' },
  ];
  await space.apply(
    deployment('web', 3, web()),
    service('web', 'web', { type: 'LoadBalancer' }),
    configMap('kept', { value: 'yes' }),
    pod('bare', shell(stay, { volumeMounts }), { volumes }),
    pod('alone', shell(stay), { shareProcessNamespace: true }),
    pod('done', shell('echo done'), { restartPolicy: 'Never' }),
  );
  await Promise.all([
    space.kubectl('rollout status deployment/web --timeout=60s'),
    space.untilReady('bare'),
    space.untilReady('alone'),
    space.untilOver('done'),
  ]);
});
after(() => cluster?.delete());

async function uids(): Promise<Record<string, string>> {
  const of = { namespace: 'life' };
  const { client } = cluster;
  const lists = await Promise.all([
    client.list(pods, of),
    client.list(deployments, of),
    client.list(services, of),
    client.list(configMaps, of),
  ]);
  const all = lists.flatMap(({ items }) => items as { metadata: { name: string; uid: string } }[]);
  return Object.fromEntries(all.map(({ metadata }) => [metadata.name, metadata.uid]));
}

async function balancedUrl(): Promise<string> {
  const { status } = await space.until(services, 'web', (one) => one?.status?.loadBalancer?.ingress?.[0]?.ip);
  return `http://${status?.loadBalancer?.ingress?.[0]?.ip}/`;
}

/** Ends the cluster with the command, and expects that nothing of it is left. */
async function leavesNothing(command: string): Promise<void> {
  const before = await footprint(cluster);
  for (const [what, found] of Object.entries(before))
    if (what !== 'rules')
      assert.notEqual(found.length, 0, `no ${what} while it runs: the test looks in the wrong place`);
  await cluster.vitrine(command);
  assert.deepEqual(await footprint(cluster, before.links), empty);
}

test('down leaves nothing behind; up brings the same objects back, and the Pods run again', async () => {
  const before = await uids();
  const url = await balancedUrl();
  await leavesNothing('down');
  const refused = await cluster.tryKubectl('get pods');
  assert.notEqual(refused.code, 0);
  assert.match((await cluster.tryVitrine('down')).stdout, /stopped/, 'a second down does no harm');
  await cluster.vitrine('up --no-kubeconfig');
  assert.deepEqual(await uids(), before);
  await space.kubectl('rollout status deployment/web --timeout=60s');
  await Promise.all(['bare', 'alone'].map((name) => space.untilReady(name)));
  assert.equal((await space.get(pods, 'done')).status?.phase, 'Succeeded');
  assert.equal(await balancedUrl(), url, 'the LoadBalancer keeps its address');
  assert.match(await until('the LoadBalancer answers', () => get(url)), /^web-/);
  assert.match(await space.kubectl('logs done'), /^done$/m);
});

test('down after both processes were killed leaves nothing behind either', async () => {
  for (const component of ['server', 'agent']) process.kill(pidOf(component), 'SIGKILL');
  await leavesNothing('down');
  await cluster.vitrine('up --no-kubeconfig');
  await space.untilReady('bare');
});

test('delete removes everything', async () => {
  const before = await footprint(cluster);
  const { config } = cluster;
  await cluster.vitrine('delete');
  for (const dir of [
    `/var/lib/vitrine/${cluster.name}`,
    `/run/vitrine/${cluster.name}`,
    `/var/log/vitrine/${cluster.name}`,
  ])
    assert.equal(fs.existsSync(dir), false, dir);
  Object.defineProperty(cluster, 'config', { value: config });
  assert.deepEqual(await footprint(cluster, before.links), empty);
  const again = await cluster.tryVitrine('delete');
  assert.deepEqual([again.code, again.stderr], [1, `vitrine delete: there is no cluster "${cluster.name}"\n`]);
  await cluster.vitrine('up --no-kubeconfig');
});

function pidOf(component: string): number {
  return Number(fs.readFileSync(`/run/vitrine/${cluster.name}/${component}.pid`, 'utf8').split(' ')[0]);
}
