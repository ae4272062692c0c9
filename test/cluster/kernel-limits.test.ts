import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { nodes } from '../../src/api/resource.ts';
import { openCgroupReader } from '../../src/linux/cgroup-reader.ts';
import { clusterPaths } from '../../src/paths.ts';
import { pidFile } from '../../src/processes.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { pod, shell, stay } from './fixture/objects.ts';
import { run } from './fixture/run.ts';
import { until, untilObject } from './fixture/until.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.delete());

test('a limit that will soon be reached is told of, in a condition and an Event, until there is room again', async () => {
  const { config, client } = cluster;
  const near = (status: string) =>
    untilObject(client, nodes, undefined, config.nodeName, (node) =>
      node?.status?.conditions?.some((one) => one.type === 'KernelLimitsNear' && one.status === status),
    );
  await near('False');
  const pid = Number.parseInt(fs.readFileSync(pidFile(clusterPaths(cluster.name), 'agent'), 'utf8'), 10);
  const open = fs.readdirSync(path.join('/proc', String(pid), 'fd')).length;
  const limit = async (soft: number) =>
    assert.equal((await run('prlimit', ['--pid', String(pid), `--nofile=${soft}:`])).code, 0);
  await limit(open + Math.ceil(open / 8));
  const node = await near('True');
  const text = /\d+ of \d+ open files of the node process are in use: raise ulimit -n/;
  assert.match(node.status?.conditions?.find(({ type }) => type === 'KernelLimitsNear')?.message ?? '', text);
  assert.equal(node.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  await until('an Event tells', async () =>
    text.test(
      await cluster.kubectl('get events -A --field-selector reason=KernelLimitNear -o jsonpath={.items[*].message}'),
    ),
  );
  await limit(open * 4);
  await near('False');
});

test('the configuration limits containers, what all Pods use, and how many there are', async () => {
  const flags = ['--default-ulimits', 'nofile=64:128,core=0', '--max-pods', '2', '--system-reserved', 'memory=1Gi'];
  await cluster.vitrine(['up', '--no-kubeconfig', ...flags]);
  const { status } = await cluster.client.get(nodes, cluster.config.nodeName);
  const kubepods = openCgroupReader().read(`/vitrine-${cluster.name}/kubepods`);
  const capacity = Number.parseInt(status?.capacity?.memory ?? '', 10) * 1024;
  assert.equal(kubepods?.memoryLimitBytes, capacity - 2 ** 30);
  const space = await cluster.space('limits');
  await space.apply(pod('one', shell(stay)), pod('two', shell(stay)));
  await Promise.all([space.untilReady('one'), space.untilReady('two')]);
  assert.equal(await space.exec('one', 'ulimit -Sn; ulimit -Hn; ulimit -c'), '64\n128\n0\n');
  await space.apply(pod('three', shell(stay)));
  await until('the scheduler says why', async () =>
    (await space.kubectl('get pod three -o jsonpath={.status.conditions[*].message}')).includes('Too many pods'),
  );
});
