import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import { pods, replicaSets } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { otherTesthost, testhost } from '../fixture/testhost-image.ts';
import {
  exerciseCollection,
  exerciseScale,
  exerciseStatus,
  netexec,
  pause,
  template,
  untilEachServes,
} from '../fixture/workloads.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const replicaSet = (
  name: string,
  replicas: number,
  container = pause(),
  labels: Record<string, string> = { name },
) => ({
  metadata: { name, labels },
  spec: { replicas, selector: { matchLabels: labels }, template: template(labels, container) },
});

describe('ReplicaSet', { concurrency: 4 }, () => {
  conformance('[sig-apps] ReplicaSet should serve a basic image on each replica with a public image', async () => {
    const namespace = await kube.namespace('replicaset');
    await kube.of(replicaSets, namespace).create(replicaSet('my-hostname-basic', 2, netexec()));
    await untilEachServes(kube, namespace, 2);
  });

  conformance(
    '[sig-apps] ReplicaSet should adopt matching pods on creation and release no longer matching pods',
    async () => {
      const namespace = await kube.namespace('replicaset');
      const [sets, inside] = [kube.of(replicaSets, namespace), kube.of(pods, namespace)];
      const name = 'pod-adoption-release';
      await inside.create({ metadata: { name, labels: { name } }, spec: template({}).spec });
      const set = await sets.create(replicaSet(name, 1));
      await inside.until(name, (pod) =>
        pod?.metadata.ownerReferences?.some(({ controller, uid }) => controller && uid === set.metadata.uid),
      );
      await inside.patch(name, 'merge', { metadata: { labels: { name: 'not-matching-name' } } });
      await inside.until(name, (pod) => pod && !pod.metadata.ownerReferences?.some(({ controller }) => controller));
      // Another takes its place.
      await inside.untilList(({ items }) => items.length === 1, { labelSelector: `name=${name}` });
    },
  );

  conformance('[sig-apps] ReplicaSet Replicaset should have a working scale subresource', async () => {
    const sets = kube.of(replicaSets, await kube.namespace('replicaset'));
    await sets.create(replicaSet('test-rs', 1));
    await sets.until('test-rs', (set) => set?.status?.replicas === 1);
    await exerciseScale(kube, sets, 'test-rs');
  });

  conformance('[sig-apps] ReplicaSet Replace and Patch tests', async () => {
    const namespace = await kube.namespace('replicaset');
    const sets = kube.of(replicaSets, namespace);
    const labels = { 'sample-pod': 'sample-pod', 'test-rs': 'patched' };
    await sets.create(replicaSet('test-rs', 1, pause(), { 'sample-pod': 'sample-pod' }));
    const watching = await sets.watch();
    await sets.until('test-rs', (set) => set?.status?.availableReplicas === 1);
    await kube.json('PUT', sets.path('test-rs', 'scale'), {
      body: {
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        metadata: { name: 'test-rs', namespace },
        spec: { replicas: 2 },
      },
    });
    await sets.until('test-rs', (set) => set?.status?.availableReplicas === 2);
    const patched = await sets.patch('test-rs', 'strategic', {
      metadata: { labels: { 'test-rs': 'patched' } },
      spec: {
        replicas: 3,
        template: { spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: otherTesthost }] } },
      },
    });
    assert.equal(patched.metadata.labels?.['test-rs'], labels['test-rs']);
    assert.equal(patched.spec?.template?.spec?.containers[0]?.image, otherTesthost);
    await watching.take(
      'MODIFIED',
      ({ metadata, spec }) => spec?.replicas === 3 && metadata.labels?.['test-rs'] === 'patched',
    );
    await watching.take('MODIFIED', ({ status }) => status?.readyReplicas === 3);
    const images = (await kube.of(pods, namespace).list()).items.map(({ spec }) => spec?.containers[0]?.image);
    assert.deepEqual(images.sort(), [otherTesthost, testhost, testhost].sort());
    watching.stop();
  });

  conformance('[sig-apps] ReplicaSet should list and delete a collection of ReplicaSets', async () => {
    const namespace = await kube.namespace('replicaset');
    const sets = kube.of(replicaSets, namespace);
    for (const name of ['test-rs-1', 'test-rs-2', 'test-rs-3'])
      await sets.create(replicaSet(name, 1, pause(), { name, e2e: 'rs' }));
    await kube.of(pods, namespace).untilList(({ items }) => items.length === 3);
    await exerciseCollection(sets, 'e2e=rs', 3);
  });

  conformance('[sig-apps] ReplicaSet should validate Replicaset Status endpoints', async () => {
    const sets = kube.of(replicaSets, await kube.namespace('replicaset'));
    await sets.create(replicaSet('test-rs', 1));
    await sets.until('test-rs', (set) => set?.status?.readyReplicas === 1);
    await exerciseStatus(sets, 'test-rs');
  });
});
