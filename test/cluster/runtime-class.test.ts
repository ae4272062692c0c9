import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { events, nodes, runtimeClasses } from '../../src/api/resource.ts';
import { clusterPaths } from '../../src/paths.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { pod, shell, stay } from './fixture/objects.ts';
import { until } from './fixture/until.ts';

/** Another OCI runtime, where the host has one. */
const runc = ['/usr/sbin/runc', '/usr/bin/runc'].find((file) => fs.existsSync(file));

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
  const config = path.join(clusterPaths(cluster.name).state, 'runtimes.yaml');
  if (runc) fs.writeFileSync(config, `handlers:\n  other: ${runc}\n`);
  // The flag makes the node start anew.
  await cluster.vitrine('up --no-kubeconfig --max-pods 200');
  for (const handler of ['other', 'unknown'])
    await cluster.client.create(runtimeClasses, { metadata: { name: handler }, handler } as never);
});
after(() => cluster?.delete());

describe('a RuntimeClass', { concurrency: 2 }, () => {
  test('whose handler the node does not have keeps the Pod from starting, and says so', async () => {
    const space = await cluster.space('unknown');
    await space.apply(pod('unknown', shell(stay), { runtimeClassName: 'unknown' }));
    const event = await until('an Event says why', async () => {
      const { items } = await cluster.client.list(events, { namespace: 'unknown' });
      return items.find(({ reason }) => reason === 'FailedCreatePodSandBox');
    });
    assert.match(event.message ?? '', /no runtime for "unknown" is configured/);
  });

  test('runs containers by the OCI runtime that is configured for it', { skip: runc ? false : 'no runc' }, async () => {
    const space = await cluster.space('other');
    const [node] = (await cluster.client.list(nodes, {})).items;
    assert.ok(node?.status?.runtimeHandlers?.some(({ name }) => name === 'other'));
    const ends = shell('echo out; exit 3', { name: 'ends' });
    await space.apply(
      pod('other', shell(stay), { runtimeClassName: 'other' }),
      pod('ends', ends, { runtimeClassName: 'other', restartPolicy: 'Never' }),
    );
    await space.untilReady('other');
    assert.equal((await space.exec('other', 'hostname; grep Seccomp: /proc/self/status')).trim(), 'other\nSeccomp:\t2');
    const over = await space.untilOver('ends');
    assert.equal(over.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 3);
    assert.equal(await space.kubectl('logs ends'), 'out\n');
    // runc leaves a state file of its own.
    const states = path.join(clusterPaths(cluster.name).run, 'node/runtime/crun');
    assert.ok(fs.readdirSync(states).some((id) => fs.existsSync(path.join(states, id, 'state.json'))));
    await space.kubectl('delete pod other --now');
  });
});
