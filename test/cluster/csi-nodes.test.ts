import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { csiNodes, nodes, volumeAttachments } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { ensureDriverImage } from './fixture/csi/image.ts';
import { driver, driverManifests } from './fixture/csi/manifests.ts';
import { startSidecars } from './fixture/csi/sidecars.ts';
import { pod, shell, stay } from './fixture/objects.ts';
import { until, untilObject } from './fixture/until.ts';

let cluster: TestCluster;
let stopSidecars: () => void;
before(async () => {
  await ensureDriverImage();
  cluster = await startTestCluster({ up: '--nodes 2' });
  stopSidecars = startSidecars(cluster.client);
  const items = driverManifests();
  await cluster.kubectl('apply -f -', { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
});
after(async () => {
  stopSidecars?.();
  await cluster?.delete();
});

test('a volume goes with its Pod from one node to another, and is never on both', async () => {
  const [first = '', second = ''] = (await cluster.client.list(nodes)).items.map(({ metadata }) => metadata.name);
  for (const name of [first, second])
    await untilObject(cluster.client, csiNodes, undefined, name, (one) =>
      one?.spec.drivers?.some((entry) => entry.name === driver),
    );
  const space = await cluster.space('travel');
  const on = (name: string, node: string) =>
    pod(name, shell(stay, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }), {
      nodeSelector: { 'kubernetes.io/hostname': node },
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
    });
  const claim = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' } },
    spec: {
      ...{ storageClassName: 'test-csi', accessModes: ['ReadWriteOnce'] },
      resources: { requests: { storage: '8Mi' } },
    },
  };
  await space.apply(claim, on('one', first));
  await space.untilReady('one');
  await space.apply(on('two', second));
  const refused = /Multi-Attach error for volume "pvc-\S+" Volume is already exclusively attached to one node/;
  await until('the refusal', async () =>
    refused.test(await space.kubectl('get events -o jsonpath={.items[*].message}')),
  );
  const attachedTo = async () => (await cluster.client.list(volumeAttachments)).items.map(({ spec }) => spec.nodeName);
  assert.deepEqual(await attachedTo(), [first]);
  await space.kubectl('delete pod one --wait=true');
  await space.untilReady('two');
  assert.deepEqual(await attachedTo(), [second]);
  const { status } = await cluster.client.get(nodes, second);
  assert.equal(status?.volumesAttached?.length, 1);
});
