import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { configMaps, pods, services } from '../../src/api/resource.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { keepAsking } from './fixture/http.ts';
import { deployment, pod, service, shell, stay, web } from './fixture/objects.ts';
import { firstPid, firstPids } from './fixture/processes.ts';

let cluster: TestCluster;
let space: Space;
let url: string;
before(async () => {
  cluster = await startTestCluster();
  space = await cluster.space('loss');
  await space.apply(
    deployment('web', 3, web()),
    service('web', 'web', { type: 'LoadBalancer' }),
    pod(
      'twice',
      shell(`test -e /data/ran || { touch /data/ran; exit 3; }; ${stay}`, {
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      }),
      { volumes: [{ name: 'data', emptyDir: {} }] },
    ),
  );
  await space.kubectl('rollout status deployment/web --timeout=60s');
  await space.until(
    pods,
    'twice',
    (one) => one?.status?.containerStatuses?.[0]?.restartCount === 1 && one.status.containerStatuses[0].ready,
  );
  const { status } = await space.until(services, 'web', (one) => one?.status?.loadBalancer?.ingress?.[0]?.ip);
  url = `http://${status?.loadBalancer?.ingress?.[0]?.ip}/`;
});
after(() => cluster?.delete());

function kill(...components: ('server' | 'agent')[]): void {
  for (const component of components) {
    const [pid] = fs.readFileSync(`/run/vitrine/${cluster.name}/${component}.pid`, 'utf8').split(' ');
    process.kill(Number(pid), 'SIGKILL');
  }
}

async function restarts(): Promise<Record<string, number>> {
  const { items } = await cluster.client.list(pods, { namespace: 'loss' });
  return Object.fromEntries(
    items.map(({ metadata, status }) => [
      `${metadata.uid} ${metadata.name}`,
      status?.containerStatuses?.[0]?.restartCount ?? -1,
    ]),
  );
}

/** Creates ConfigMaps one after the other, several at a time, until the server is gone; the names that were acknowledged. */
function keepWriting(label: string) {
  const acknowledged: string[] = [];
  let writing = true;
  const writer = async (id: number) => {
    for (let n = 0; writing; n++) {
      const name = `${label}-${id}-${n}`;
      try {
        await cluster.client.create(configMaps, { metadata: { name, namespace: 'loss' }, data: { name } });
        acknowledged.push(name);
      } catch {
        return;
      }
    }
  };
  const done = Promise.all([0, 1, 2, 3].map(writer));
  return {
    acknowledged,
    stop: async () => {
      writing = false;
      await done;
    },
  };
}

for (const components of [['server'], ['agent'], ['server', 'agent']] as ('server' | 'agent')[][])
  test(`SIGKILL of ${components.join(' and ')}: Pods go on serving and are adopted again, nothing acknowledged is lost`, async (context) => {
    const before = { pids: await firstPids(cluster, 'loss'), restarts: await restarts() };
    const asking = keepAsking(url);
    const writing = keepWriting(components.join('-'));
    context.after(() => Promise.all([asking.stop(), writing.stop()]));
    while (writing.acknowledged.length < 100) await new Promise((resolve) => setTimeout(resolve, 5));
    kill(...components);
    if (!components.includes('server')) await writing.stop();
    await cluster.vitrine('up --no-kubeconfig');
    await writing.stop();
    const stored = new Set(
      (await cluster.client.list(configMaps, { namespace: 'loss' })).items.map(({ metadata }) => metadata.name),
    );
    assert.deepEqual(
      writing.acknowledged.filter((name) => !stored.has(name)),
      [],
      'acknowledged and lost',
    );

    // A new Pod shows that all parts work together again.
    const name = `after-${components.join('-')}`;
    await space.apply(pod(name, shell(stay)));
    await space.untilReady(name);
    await space.kubectl(`delete pod ${name}`);
    assert.deepEqual({ pids: await firstPids(cluster, 'loss'), restarts: await restarts() }, before);
    const { answers, failures } = await asking.stop();
    assert.ok(answers > 0);
    assert.deepEqual(failures, []);
    await cluster.client.deleteCollection(configMaps, {
      namespace: 'loss',
      fieldSelector: 'metadata.name!=kube-root-ca.crt',
    });
  });

test('what ended while the node process was away is known afterwards, with its exit code', async () => {
  const [failing] = Object.keys(await firstPids(cluster, 'loss')).filter((name) => name.startsWith('twice'));
  assert.ok(failing);
  const first = await firstPid(cluster, 'loss', 'twice');
  kill('agent');
  process.kill(first, 'SIGKILL');
  await cluster.vitrine('up --no-kubeconfig');
  const again = await space.until(
    pods,
    'twice',
    (one) => one?.status?.containerStatuses?.[0]?.restartCount === 2 && one.status.containerStatuses[0].state?.running,
  );
  assert.equal(again.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137);
});
