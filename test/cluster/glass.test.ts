import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { deployment, service, web } from './fixture/objects.ts';
import { shownProcesses } from './fixture/processes.ts';
import { run } from './fixture/run.ts';

let cluster: TestCluster;
let space: Space;
before(async () => {
  cluster = await startTestCluster();
  space = await cluster.space('glass');
  await space.apply(deployment('web', 3, web()), service('web', 'web', { type: 'LoadBalancer' }));
  await space.kubectl('rollout status deployment/web --timeout=60s');
});
after(() => cluster?.delete());

test('ps --count shows what ps -eLf and uniq -c show for the same processes, with the Pod beside it', async () => {
  const shown = await shownProcesses(cluster, 'glass');
  // sh and httpd in each of three Pods; a probe under way would be one more for a moment.
  assert.ok(shown.length >= 6);
  const counts = (await run('sh', ['-c', "ps -eLf | awk '{print $2}' | sort -n | uniq -c"])).stdout;
  const threads = new Map([...counts.matchAll(/(\d+) (\d+)\n/g)].map(([, count, pid]) => [Number(pid), Number(count)]));
  const text = await cluster.vitrine('ps --count -n glass');
  for (const { pid, name, container } of shown.filter((process) => process.pid === process.container?.firstPid)) {
    assert.equal(name, 'sh');
    const line = text.split('\n').find((one) => new RegExp(`^ *${threads.get(pid)} +${pid} `).test(one));
    assert.ok(line?.includes(container?.pod?.name as string), `${pid} in\n${text}`);
  }
});

test('ps ends as ps does when no process matches', async () => {
  const outcome = await cluster.tryVitrine('ps -n glass --pod nobody');
  assert.deepEqual([outcome.code, outcome.stderr], [1, 'no process matches\n']);
  assert.match(outcome.stdout, /^PID NLWP .*COMMAND\n$/);
});

test('tree goes from the Service to the processes', async () => {
  const tree = await cluster.vitrine('tree service/web -n glass');
  for (const pattern of [/web/, /web-\w+-\w+/, /main/, /httpd/]) assert.match(tree, pattern);
  assert.match(tree, /total: 3 Pods, 3 containers, /);
});

test('status names both processes and the address', async () => {
  const status = await cluster.vitrine('status');
  assert.match(status, new RegExp(`127.0.0.1:${cluster.config.apiPort}`));
  assert.match(status, /control plane|server/);
  assert.match(status, /node|agent/);
});

test('apply works on machines without kubectl', async () => {
  const input = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-vitrine, namespace: glass}\ndata: {a: b}\n';
  await cluster.vitrine('apply -f -', { input });
  assert.match(await space.kubectl('get configmap from-vitrine -o yaml'), /a: b/);
});
