import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/resource.ts';
import { readPidFile } from '../../src/linux/daemon.ts';
import { clusterPaths } from '../../src/paths.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { pod, shell, stay } from './fixture/objects.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
let space: Space;
let node: string;
before(async () => {
  cluster = await startTestCluster();
  space = await cluster.space('static');
  node = cluster.config.nodeName;
});
after(() => cluster?.delete());

const manifest = (name: string) => path.join(clusterPaths(cluster.name).state, 'manifests', `${name}.json`);

function place(name: string, script: string, more: object = {}): void {
  const object = pod(name, shell(script), more);
  const text = JSON.stringify({
    ...object,
    metadata: { ...object.metadata, namespace: 'static', labels: { of: name } },
  });
  fs.writeFileSync(`${manifest(name)}.tmp`, text);
  fs.renameSync(`${manifest(name)}.tmp`, manifest(name));
}

async function kill(component: 'server' | 'agent'): Promise<void> {
  const daemon = readPidFile(path.join(clusterPaths(cluster.name).run, `${component}.pid`));
  assert.ok(daemon);
  process.kill(daemon.pid, 'SIGKILL');
  await until(`the ${component} is gone`, () => !fs.existsSync(`/proc/${daemon.pid}`));
}

// One after the other: they stop parts of the cluster.
describe('a static Pod', () => {
  test('runs from its manifest; its mirror in the API tells of it and lets people in', async () => {
    place('first', `echo hello; ${stay}`);
    const mirror = await space.untilReady(`first-${node}`);
    assert.equal(mirror.metadata.annotations?.['kubernetes.io/config.source'], 'file');
    const hash = mirror.metadata.annotations?.['kubernetes.io/config.hash'];
    assert.equal(mirror.metadata.annotations?.['kubernetes.io/config.mirror'], hash);
    assert.deepEqual(
      mirror.metadata.ownerReferences?.map(({ kind, name }) => [kind, name]),
      [['Node', node]],
    );
    assert.equal(mirror.metadata.labels?.of, 'first');
    assert.equal(mirror.status?.observedGeneration, 1);
    assert.equal(await space.kubectl(`logs first-${node}`), 'hello\n');
    assert.equal((await space.exec(`first-${node}`, 'hostname')).trim(), `first-${node}`);
  });

  test('is not ended by the deletion of its mirror, which comes again', async () => {
    const before = await space.get(pods, `first-${node}`);
    await space.kubectl(`delete pod first-${node} --wait=false`);
    const again = await space.until(
      pods,
      `first-${node}`,
      (one) => one && one.metadata.uid !== before.metadata.uid && one.status?.phase === 'Running',
    );
    assert.equal(again.status?.containerStatuses?.[0]?.containerID, before.status?.containerStatuses?.[0]?.containerID);
  });

  test('survives the node process', async () => {
    const before = await space.get(pods, `first-${node}`);
    await kill('agent');
    await cluster.vitrine('up --no-kubeconfig');
    const after = await space.untilReady(`first-${node}`);
    assert.equal(after.metadata.uid, before.metadata.uid);
    assert.equal(after.status?.containerStatuses?.[0]?.containerID, before.status?.containerStatuses?.[0]?.containerID);
  });

  test('is another Pod when its manifest changes, and gone with it', async () => {
    const before = await space.get(pods, `first-${node}`);
    place('first', `echo changed; ${stay}`);
    await space.until(
      pods,
      `first-${node}`,
      (one) => one && one.metadata.uid !== before.metadata.uid && one.status?.phase === 'Running',
    );
    await until('it writes what the new manifest says', async () =>
      (await space.kubectl(`logs first-${node}`)).includes('changed'),
    );
    fs.rmSync(manifest('first'));
    await space.until(pods, `first-${node}`, (one) => !one);
  });

  test('with a bad manifest keeps no other from running', async () => {
    fs.writeFileSync(manifest('bad'), 'kind: Pod\napiVersion: v1\nmetadata: {name: bad}\nspec: {containers: []}\n');
    fs.writeFileSync(manifest('worse'), '{ nonsense');
    place('good', stay);
    await space.untilReady(`good-${node}`);
  });

  test('starts while there is no API', async () => {
    await kill('server');
    const seen = path.join(cluster.home, 'seen');
    place('alone', `echo > /seen/started; ${stay}`, {
      volumes: [{ name: 'seen', hostPath: { path: seen, type: 'DirectoryOrCreate' } }],
      containers: [shell(`echo > /seen/started; ${stay}`, { volumeMounts: [{ name: 'seen', mountPath: '/seen' }] })],
    });
    await until('the container has written its file', () => fs.existsSync(path.join(seen, 'started')));
    await cluster.vitrine('up --no-kubeconfig');
    await space.untilReady(`alone-${node}`);
  });
});
