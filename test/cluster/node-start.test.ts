import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { nodes } from '../../src/api/resource.ts';
import { readPidFile } from '../../src/linux/daemon.ts';
import { clusterPaths, nodeNames, nodePaths } from '../../src/paths.ts';
import { pidFile } from '../../src/processes.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { footprint } from './fixture/footprint.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.delete());

/** A KubeletConfiguration with which no kubelet starts. */
const unusable = 'maxPods: -1\n';

const nodePathsOf = (number: number) => nodePaths(clusterPaths(cluster.name), `${cluster.config.nodeName}-${number}`);
const registered = async () => (await cluster.client.list(nodes)).items.map(({ metadata }) => metadata.name).sort();
/** The server, and the processes of the nodes. */
const processes = async () =>
  (await footprint(cluster)).processes.filter((one) => /vitrine: (control plane|node) /.test(one)).length;

/** Numbers of the nodes that are Ready and have a process. */
const running = async () => {
  const all = JSON.parse(await cluster.vitrine('node ls -o json')) as { name: string; ready: boolean; pid?: number }[];
  const names = ['', '-2', '-3', '-4'].map((suffix) => `${cluster.config.nodeName}${suffix}`);
  return all.filter(({ ready, pid }) => ready && pid).map(({ name }) => names.indexOf(name) + 1);
};

describe('when a further node cannot start', () => {
  test('those that were added with it are gone, and the cluster is as it was', async () => {
    const [second, third] = [nodePathsOf(2), nodePathsOf(3)];
    const before = await footprint(cluster);
    fs.mkdirSync(third.state, { recursive: true });
    fs.writeFileSync(path.join(third.state, 'kubelet.yaml'), unusable);
    const { code, stderr } = await cluster.tryVitrine('node add 2');
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`node "${third.node}": .*maxPods`));
    assert.deepEqual(await registered(), [cluster.config.nodeName]);
    assert.deepEqual(nodeNames(clusterPaths(cluster.name)), []);
    for (const { run } of [second, third]) assert.ok(!fs.existsSync(run), run);
    const { mounts, ...now } = await footprint(cluster);
    assert.deepEqual(now.processes, before.processes);
    assert.deepEqual(
      mounts.filter((mount) => !mount.includes('/switch ')),
      before.mounts,
    );
    assert.ok(fs.existsSync(path.join(third.logs, 'agent.log')), 'its log tells why');
  });

  test('two that add one at the same moment add two', async () => {
    const outcomes = await Promise.all([cluster.tryVitrine('node add'), cluster.tryVitrine('node add')]);
    assert.deepEqual(outcomes.map(({ stdout }) => stdout).sort(), [
      `node "${nodePathsOf(2).node}" is ready\n`,
      `node "${nodePathsOf(3).node}" is ready\n`,
    ]);
    const { nodeName } = cluster.config;
    assert.deepEqual(await registered(), [nodeName, `${nodeName}-2`, `${nodeName}-3`]);
    assert.equal(await processes(), 4);
  });

  test('the cluster goes on without one that was there, until it is mended', async () => {
    const third = nodePathsOf(3);
    const file = path.join(third.state, 'kubelet.yaml');
    await cluster.vitrine('down');
    fs.writeFileSync(file, unusable);
    const { code, stdout, stderr } = await cluster.tryVitrine('up --no-kubeconfig');
    assert.equal(code, 1);
    assert.match(stdout, /is ready: .* 2 nodes in/);
    assert.match(
      stderr,
      new RegExp(`node "${third.node}": .*maxPods.*'vitrine node rm ${third.node} --name ${cluster.name}'`),
    );
    assert.deepEqual(await running(), [1, 2]);
    fs.rmSync(file);
    const started = await Promise.all([1, 2].map(() => cluster.vitrine('up --no-kubeconfig')));
    assert.equal(started.filter((text) => /is ready: .* 3 nodes in/.test(text)).length, 1, started.join());
    assert.equal(started.filter((text) => /is running/.test(text)).length, 1, started.join());
    assert.deepEqual(await running(), [1, 2, 3]);
  });

  test('one that is added stays, and the broken one can be removed', async () => {
    const third = nodePathsOf(3);
    await cluster.vitrine('down');
    fs.writeFileSync(path.join(third.state, 'runtimes.yaml'), 'handlers:\n  gone: /nowhere\n');
    const { code, stdout, stderr } = await cluster.tryVitrine('up --no-kubeconfig --nodes 4');
    assert.equal(code, 1);
    assert.match(stdout, /is ready: .* 3 nodes in/);
    assert.match(stderr, new RegExp(`node "${third.node}": .*"/nowhere" is no program`));
    assert.deepEqual(await running(), [1, 2, 4]);
    await cluster.vitrine(`node rm ${third.node}`);
    const { nodeName } = cluster.config;
    assert.deepEqual(await registered(), [nodeName, `${nodeName}-2`, `${nodeName}-4`]);
    assert.match(await cluster.vitrine('up --no-kubeconfig'), /is running/);
  });
});

describe('when the first node cannot start', () => {
  test('nothing that was to start with it stays, be it Ready', async () => {
    const paths = clusterPaths(cluster.name);
    await cluster.vitrine('down');
    const before = nodeNames(paths);
    const outcome = cluster.tryVitrine('up --no-kubeconfig --nodes 4');
    const first = await until('the first node has a process', () => readPidFile(pidFile(paths, 'agent')));
    process.kill(first.pid, 'SIGSTOP');
    const added = await until('a node is added', () => nodeNames(paths).find((name) => !before.includes(name)));
    await until('it is Ready', async () => {
      const node = await cluster.client.get(nodes, added);
      return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    });
    process.kill(first.pid, 'SIGKILL');
    const { code, stderr } = await outcome;
    assert.equal(code, 1);
    assert.match(stderr, /the process ended before it was ready/);
    assert.equal(await processes(), 0);
    assert.deepEqual(nodeNames(paths), before);
  });
});
