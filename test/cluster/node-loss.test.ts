import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { endpointSlices, nodes, pods } from '../../src/api/resource.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { empty, footprint } from './fixture/footprint.ts';
import { get } from './fixture/http.ts';
import { deployment, pod, service, shell, stay, web } from './fixture/objects.ts';
import { until } from './fixture/until.ts';

/** Longer than --node-monitor-grace-period, 50 s. */
const patienceMs = 120_000;

let cluster: TestCluster;
let [first, second, third]: string[] = [];
before(async () => {
  cluster = await startTestCluster({ up: '--nodes 3' });
  [first, second, third] = (await cluster.client.list(nodes)).items.map(({ metadata }) => metadata.name).sort();
});
after(() => cluster?.delete());

const pidOf = (node: string): number =>
  Number(fs.readFileSync(`/run/vitrine/${cluster.name}/nodes/${node}/agent.pid`, 'utf8').split(' ')[0]);

const isReady = (node: string, expected: string) => untilNode(node, (status) => status === expected);

async function untilNode(node: string, matches: (ready: string | undefined) => boolean): Promise<void> {
  await until(
    `node ${node}`,
    async () =>
      matches((await cluster.client.get(nodes, node)).status?.conditions?.find(({ type }) => type === 'Ready')?.status),
    patienceMs,
  );
}

const nodesOf = async (space: Space, labelSelector: string) =>
  (await cluster.client.list(pods, { namespace: space.name, labelSelector })).items
    .filter(({ metadata, status }) => !metadata.deletionTimestamp && status?.phase === 'Running')
    .map(({ spec }) => spec.nodeName as string);

describe('a node of several', { concurrency: 2 }, () => {
  test('that is killed is noticed, its Pods are replaced elsewhere, and it comes back', async () => {
    const space = await cluster.space('killed');
    const impatient = ['not-ready', 'unreachable'].map((taint) => ({
      ...{ key: `node.kubernetes.io/${taint}`, operator: 'Exists' as const, effect: 'NoExecute' as const },
      tolerationSeconds: 1,
    }));
    const prefers = {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          preference: {
            matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In' as const, values: [second as string] }],
          },
        },
      ],
    };
    const wanted = deployment('web', 1, web());
    Object.assign(wanted.spec.template.spec, { tolerations: impatient, affinity: { nodeAffinity: prefers } });
    await space.apply(wanted, service('web', 'web'), pod('stays', shell(stay), { nodeName: second as string }));
    await space.kubectl('rollout status deployment/web --timeout=60s');
    await space.untilReady('stays');
    assert.deepEqual(await nodesOf(space, 'app=web'), [second]);
    const before = await space.get(pods, 'stays');

    process.kill(pidOf(second as string), 'SIGKILL');
    await isReady(second as string, 'Unknown');
    await until('the Pod is replaced on another node', async () => {
      const placed = await nodesOf(space, 'app=web');
      return placed.length > 0 && placed.every((node) => node !== second);
    });
    const { spec } = await cluster.client.get(nodes, second as string);
    assert.ok(
      spec.taints?.some(({ key, effect }) => key === 'node.kubernetes.io/unreachable' && effect === 'NoExecute'),
    );
    // The one that tolerates it for five minutes only takes no more traffic.
    await space.until(pods, 'stays', (one) =>
      one?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'False'),
    );
    await space.until(endpointSlices, await sliceOf(space, 'web'), (slice) =>
      slice?.endpoints?.some(({ conditions, nodeName }) => conditions?.ready && nodeName !== second),
    );

    await cluster.vitrine('up --no-kubeconfig');
    await isReady(second as string, 'True');
    await space.untilReady('stays');
    const now = await space.get(pods, 'stays');
    assert.equal(
      now.status?.containerStatuses?.[0]?.containerID,
      before.status?.containerStatuses?.[0]?.containerID,
      'its container went on',
    );
    await until('the replaced Pod is gone', async () => {
      const all = await cluster.client.list(pods, { namespace: 'killed', labelSelector: 'app=web' });
      return all.items.length === 1;
    });
  });

  test('is drained, and its Pods move', async () => {
    const space = await cluster.space('drained');
    await space.apply(deployment('web', 3, web()), service('web', 'web'));
    await space.kubectl('rollout status deployment/web --timeout=60s');
    await cluster.kubectl(`drain ${third} --ignore-daemonsets --force --delete-emptydir-data --timeout=60s`);
    await space.kubectl('rollout status deployment/web --timeout=60s');
    assert.ok(!(await nodesOf(space, 'app=web')).includes(third as string));
    await cluster.kubectl(`uncordon ${third}`);
  });
});

test('a node that is added takes part, and one that is removed takes its Pods with it', async () => {
  const space = await cluster.space('added');
  assert.match(await cluster.vitrine('node add'), /^node "\S+-4" is ready$/m);
  const [fourth] = (await cluster.client.list(nodes)).items
    .map(({ metadata }) => metadata.name)
    .sort()
    .slice(-1);
  await space.apply(pod('there', web(), { nodeName: fourth as string }));
  await space.untilReady('there');
  const { status } = await space.get(pods, 'there');
  assert.equal((await get(`http://${status?.podIP}:8080/`)).trim(), 'there');
  assert.match(await cluster.vitrine(`node rm ${fourth}`), /is removed/);
  await space.until(pods, 'there', (one) => one === undefined);
  assert.equal(fs.existsSync(`/run/vitrine/${cluster.name}/nodes/${fourth}`), false);
  assert.doesNotMatch(await cluster.kubectl('get nodes'), new RegExp(`^${fourth} `, 'm'));
  assert.match((await cluster.tryVitrine(`node rm ${first}`)).stderr, /is the control plane's own/);
});

test('down leaves nothing of any node; up brings all of them and their Pods back; delete, with all of it dead, too', async () => {
  const space = await cluster.space('life');
  await space.apply(
    pod('one', web(), { nodeName: first as string }, { app: 'all' }),
    pod('two', web(), { nodeName: second as string }, { app: 'all' }),
    service('all', 'all'),
  );
  await Promise.all(['one', 'two'].map((name) => space.untilReady(name)));
  const before = await footprint(cluster);
  assert.equal(before.processes.filter((line) => /vitrine: node /.test(line)).length, 3);
  await cluster.vitrine('down');
  assert.deepEqual(await footprint(cluster, before.links), empty);

  await cluster.vitrine('up --no-kubeconfig');
  for (const name of ['one', 'two'])
    await until(`${name} answers`, async () => {
      const { status } = await space.get(pods, name);
      return (await get(`http://${status?.podIP}:8080/`)).trim() === name;
    });
  assert.match(await cluster.vitrine('up --no-kubeconfig --nodes 3'), /is running/, 'a second up starts nothing');

  const { config } = cluster;
  const running = await footprint(cluster);
  for (const line of running.processes.filter((one) => /vitrine: /.test(one)))
    process.kill(Number.parseInt(line, 10), 'SIGKILL');
  await cluster.vitrine('delete');
  Object.defineProperty(cluster, 'config', { value: config });
  assert.deepEqual(await footprint(cluster, running.links), empty);
  for (const dir of ['/var/lib', '/run', '/var/log'])
    assert.equal(fs.existsSync(`${dir}/vitrine/${cluster.name}`), false, dir);
  await cluster.vitrine('up --no-kubeconfig');
});

async function sliceOf(space: Space, name: string): Promise<string> {
  const labelSelector = `kubernetes.io/service-name=${name}`;
  const { items } = await cluster.client.list(endpointSlices, { namespace: space.name, labelSelector });
  return items[0]?.metadata.name as string;
}
