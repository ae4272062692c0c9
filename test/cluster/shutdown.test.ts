import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { nodes, pods } from '../../src/api/resource.ts';
import { clusterPaths } from '../../src/paths.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { deployment, pod, shell, stay } from './fixture/objects.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
  const periods = { shutdownGracePeriod: '6s', shutdownGracePeriodCriticalPods: '2s' };
  const file = path.join(clusterPaths(cluster.name).state, 'kubelet.yaml');
  fs.writeFileSync(file, JSON.stringify(periods));
  // The flag makes the node start anew.
  await cluster.vitrine('up --no-kubeconfig --max-pods 200');
});
after(() => cluster?.delete());

/** Writes the time, in milliseconds, when it is told to end. */
const tells = (file: string) => shell(`trap 'date +%s >> /seen/${file}; exit 0' TERM; sleep 100000 & wait`, seen);
const seen = { volumeMounts: [{ name: 'seen', mountPath: '/seen' }] };

describe('a node with a grace period for its shutdown', () => {
  test('ends its Pods, the critical ones last, says so in the API, and has none of them when it comes back', async () => {
    const space = await cluster.space('shutdown');
    const host = path.join(cluster.home, 'seen');
    const volumes = [{ name: 'seen', hostPath: { path: host, type: 'DirectoryOrCreate' as const } }];
    const critical = { metadata: { namespace: 'kube-system' } };
    const important = pod('critical', tells('critical'), { volumes, priorityClassName: 'system-node-critical' });
    await space.apply(
      pod('plain', tells('plain'), { volumes, terminationGracePeriodSeconds: 30 }),
      pod('stubborn', shell('trap "" TERM; sleep 100000 & wait; wait'), { terminationGracePeriodSeconds: 30 }),
      deployment('kept', 1, shell(stay)),
    );
    await cluster.kubectl('apply -f -', {
      input: JSON.stringify({ ...important, metadata: { ...important.metadata, ...critical.metadata } }),
    });
    await Promise.all([space.untilReady('plain'), space.untilReady('stubborn')]);
    await cluster.kubectl('wait --for=condition=Ready pod/critical -n kube-system --timeout=30s');
    await space.kubectl('rollout status deployment kept --timeout=30s');

    const began = Date.now();
    await cluster.vitrine('down');
    const seconds = (Date.now() - began) / 1000;
    assert.ok(seconds >= 3.5, `the stubborn Pod had its 4 s, not ${seconds}`);
    const ended = (file: string) => Number(fs.readFileSync(path.join(host, file), 'utf8'));
    assert.ok(ended('critical') - ended('plain') >= 3, 'the critical Pod outlives the others');

    await cluster.vitrine('up --no-kubeconfig');
    const plain = await space.get(pods, 'plain');
    assert.equal(plain.status?.phase, 'Failed');
    assert.equal(plain.status?.reason, 'Terminated');
    assert.equal(plain.status?.message, 'Pod was terminated in response to imminent node shutdown.');
    const disrupted = plain.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
    assert.deepEqual([disrupted?.status, disrupted?.reason], ['True', 'TerminationByKubelet']);
    const stubborn = await space.get(pods, 'stubborn');
    assert.equal(stubborn.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 137);
    // What a controller keeps is there again.
    await space.kubectl('rollout status deployment kept --timeout=30s');
    const [node] = (await cluster.client.list(nodes, {})).items;
    assert.equal(node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  });
});
