import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Node } from '../../src/api/generated/core-v1.ts';
import { nodes, pods } from '../../src/api/resource.ts';
import { clusterPaths } from '../../src/paths.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { FakeLogind } from './fixture/fake-logind.ts';
import { pod, shell, stay } from './fixture/objects.ts';
import { until, untilObject } from './fixture/until.ts';

let cluster: TestCluster;
const logind = new FakeLogind({ maxDelaySeconds: 3 });
before(async () => {
  await logind.start();
  process.env.DBUS_SYSTEM_BUS_ADDRESS = logind.address;
  cluster = await startTestCluster();
  const periods = { shutdownGracePeriod: '60s', shutdownGracePeriodCriticalPods: '2s' };
  fs.writeFileSync(path.join(clusterPaths(cluster.name).state, 'kubelet.yaml'), JSON.stringify(periods));
  // The flag makes the node start anew.
  await cluster.vitrine('up --no-kubeconfig --max-pods 200');
});
after(async () => {
  await cluster?.delete();
  logind.stop();
});

const isReady = (node?: Node) => node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';

test('a machine that is about to go down waits until the Pods have ended, and takes them again when it stays', async () => {
  const space = await cluster.space('machine');
  const { nodeName } = cluster.config;
  await until('the lock', () => logind.isHeld);
  assert.deepEqual(logind.inhibited, [['shutdown', 'kubelet', 'Kubelet needs time to handle node shutdown', 'delay']]);
  const log = path.join(clusterPaths(cluster.name).logs, 'agent.log');
  const warned = /waits less for a shutdown.*InhibitDelayMaxSec=60/;
  await until('the warning', () => warned.test(fs.readFileSync(log, 'utf8')));

  const slow = shell('trap "until [ -e /ended ]; do sleep 0.1; done; exit 0" TERM; sleep 100000 & wait');
  await space.apply(pod('web', slow, { terminationGracePeriodSeconds: 60 }));
  await space.untilReady('web');
  logind.prepareForShutdown(true);
  await untilObject(cluster.client, nodes, undefined, nodeName, (node) => !isReady(node));
  assert.equal(logind.isHeld, true, 'the Pod has not ended');
  await space.exec('web', 'touch /ended');
  const ended = await space.until(pods, 'web', (one) => one?.status?.phase === 'Failed');
  assert.equal(ended.status?.reason, 'Terminated');
  assert.equal(ended.status?.message, 'Pod was terminated in response to imminent node shutdown.');
  await until('the machine may go', () => !logind.isHeld);

  logind.prepareForShutdown(false);
  await until('a new lock', () => logind.isHeld);
  await untilObject(cluster.client, nodes, undefined, nodeName, isReady);
  await space.apply(pod('next', shell(stay)));
  await space.untilReady('next');
});
