import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Event } from '../../src/api/generated/core-v1.ts';
import { builtin, nodes, pods } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { testImage } from './fixture/image.ts';
import { until } from './fixture/until.ts';

const configuration = `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: default-scheduler
- schedulerName: bold
  plugins:
    filter:
      disabled: [{name: NodeUnschedulable}, {name: TaintToleration}]
`;

describe('scheduler profiles', () => {
  let cluster: TestCluster;
  let directory: string;
  before(async () => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'profiles-'));
    fs.writeFileSync(path.join(directory, 'scheduler.yaml'), configuration);
    cluster = await startTestCluster({ up: `--scheduler-config=${directory}/scheduler.yaml` });
  });
  after(async () => {
    await cluster.delete();
    fs.rmSync(directory, { recursive: true });
  });

  it('schedule the Pods that name them, each by its own rules', async () => {
    const { client } = cluster;
    const name = (await client.list(nodes)).items[0]!.metadata.name;
    await client.patch(nodes, name, undefined, { type: 'merge', body: { spec: { unschedulable: true } } });
    const create = (pod: string, schedulerName: string) =>
      client.create(pods, {
        metadata: { name: pod, namespace: 'default' },
        spec: { schedulerName, containers: [{ name: 'main', image: testImage, command: ['sleep', '1000'] }] },
      } as never);
    await create('plain', 'default-scheduler');
    await create('brave', 'bold');
    await create('lost', 'nobody');
    await until('brave is scheduled', async () => (await client.get(pods, 'brave', 'default')).spec.nodeName);
    await until('plain is not', async () => {
      const { status } = await client.get(pods, 'plain', 'default');
      return status?.conditions?.find(({ type }) => type === 'PodScheduled')?.reason === 'Unschedulable';
    });
    assert.equal((await client.get(pods, 'lost', 'default')).status?.conditions, undefined);
    const event = await until('an Event tells of it', async () =>
      (await client.list(builtin<Event>('', 'v1', 'events'))).items.find(({ reason }) => reason === 'Scheduled'),
    );
    assert.equal(event.source?.component, 'bold');
  });

  it('are refused where they name what is not there', async () => {
    fs.writeFileSync(path.join(directory, 'wrong.yaml'), configuration.replace('NodeUnschedulable', 'Nothing'));
    const outcome = await cluster.tryVitrine(['up', '--no-kubeconfig', `--scheduler-config=${directory}/wrong.yaml`]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /profiles\[1\]\.plugins\.filter\.disabled\[0\]: no plugin named "Nothing"/);
  });
});
