import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { Deployment, DeploymentSpec, ReplicaSet } from '../../../src/api/generated/apps-v1.ts';
import { deployments, pods, replicaSets } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { type Objects, refused, type Sketch } from '../fixture/kube.ts';
import { otherTesthost, testhost } from '../fixture/testhost-image.ts';
import { exerciseScale, exerciseStatus, pause, template } from '../fixture/workloads.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const revisionKey = 'deployment.kubernetes.io/revision';
const revisionOf = ({ metadata }: Deployment | ReplicaSet) => metadata.annotations?.[revisionKey];

function deployment(
  name: string,
  replicas: number,
  image: string,
  spec: Sketch<DeploymentSpec> = {},
  labels: Record<string, string> = { name },
) {
  return {
    metadata: { name, labels },
    spec: { replicas, selector: { matchLabels: labels }, template: template(labels, pause({ image })), ...spec },
  };
}

async function space() {
  const namespace = await kube.namespace('deployment');
  return {
    all: kube.of(deployments, namespace),
    sets: kube.of(replicaSets, namespace),
    inside: kube.of(pods, namespace),
  };
}

/** Waits until all replicas are of the newest template and available (deployment utils DeploymentComplete). */
function untilComplete(all: Objects<Deployment>, name: string, revision?: string): Promise<Deployment> {
  return all.until(name, (object) => {
    if (!object?.status) return false;
    const { replicas, updatedReplicas, availableReplicas, observedGeneration } = object.status;
    const wanted = object.spec?.replicas;
    return (
      replicas === wanted &&
      updatedReplicas === wanted &&
      availableReplicas === wanted &&
      observedGeneration! >= object.metadata.generation! &&
      (!revision || revisionOf(object) === revision)
    );
  });
}

/** A ReplicaSet of the time before the Deployment. */
async function oldReplicaSet(sets: Objects<ReplicaSet>, name: string, annotations?: Record<string, string>) {
  const labels = { name: 'sample-pod', pod: 'httpd' };
  await sets.create({
    metadata: { name, labels, annotations },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: template(labels) },
  });
  await sets.until(name, (set) => set?.status?.availableReplicas === 1);
}

const samplePod = { name: 'sample-pod' };

describe('Deployment', { concurrency: 4 }, () => {
  conformance('[sig-apps] Deployment RollingUpdateDeployment should delete old pods and create new ones', async () => {
    const { all, sets } = await space();
    await oldReplicaSet(sets, 'test-rolling-update-controller', { [revisionKey]: '3546343826724305832' });
    const name = 'test-rolling-update-deployment';
    await all.create(deployment(name, 1, otherTesthost, {}, samplePod));
    await untilComplete(all, name, '3546343826724305833');
    // The one that was adopted stays as history.
    const { items } = await sets.untilList(({ items }) => items.some(({ spec }) => spec?.replicas === 0));
    const old = items.filter(({ spec }) => spec?.replicas === 0);
    assert.deepEqual(
      old.map(({ metadata }) => [metadata.name, metadata.ownerReferences?.[0]?.name]),
      [['test-rolling-update-controller', name]],
    );
  });

  conformance('[sig-apps] Deployment RecreateDeployment should delete old pods and create new ones', async () => {
    const { all, inside } = await space();
    const name = 'test-recreate-deployment';
    await all.create(deployment(name, 1, testhost, { strategy: { type: 'Recreate' } }));
    await untilComplete(all, name, '1');
    const watching = await inside.watch({ labelSelector: `name=${name}` });
    await all.change(name, ({ spec }) => {
      spec!.template.spec!.containers[0]!.image = otherTesthost;
    });
    await untilComplete(all, name, '2');
    // Old and new never run together: the new Pod is made when the old is gone.
    await watching.take('ADDED', ({ spec }) => spec?.containers[0]?.image === testhost);
    const order: string[] = [];
    while (order.length < 2) {
      const { type, object } = await watching.next();
      if (type === 'ADDED' || type === 'DELETED')
        order.push(`${type} ${(object as { spec: { containers: { image: string }[] } }).spec.containers[0]!.image}`);
    }
    assert.deepEqual(order, [`DELETED ${testhost}`, `ADDED ${otherTesthost}`]);
    watching.stop();
  });

  conformance('[sig-apps] Deployment deployment should delete old replica sets', async () => {
    const { all, sets, inside } = await space();
    await oldReplicaSet(sets, 'test-cleanup-controller');
    const watching = await inside.watch({ labelSelector: 'name=sample-pod' });
    await watching.take('ADDED');
    await all.create(deployment('test-cleanup-deployment', 1, otherTesthost, { revisionHistoryLimit: 0 }, samplePod));
    await sets.untilGone('test-cleanup-controller');
    await untilComplete(all, 'test-cleanup-deployment');
    let made = 0;
    while (await watching.any(300)) if ((await watching.next()).type === 'ADDED') made++;
    assert.equal(made, 1);
    watching.stop();
  });

  conformance('[sig-apps] Deployment deployment should support rollover', async () => {
    const { all, sets } = await space();
    await oldReplicaSet(sets, 'test-rollover-controller');
    const name = 'test-rollover-deployment';
    await all.create(
      deployment(
        name,
        1,
        'vitrine-test-no-such-image:nonexistent',
        { minReadySeconds: 2, strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } },
        samplePod,
      ),
    );
    await all.until(name, (object) => object?.status?.updatedReplicas === 1 && revisionOf(object) === '1');
    const { items } = await sets.list();
    assert.equal(items.length, 2);
    const broken = items.find(({ metadata }) => metadata.name !== 'test-rollover-controller')!;
    await all.change(name, ({ spec }) => {
      spec!.template.spec!.containers[0]!.image = otherTesthost;
    });
    await untilComplete(all, name, '2');
    for (const old of ['test-rollover-controller', broken.metadata.name])
      await sets.until(old, (set) => set?.spec?.replicas === 0 && set.status?.replicas === 0);
    assert.equal((await sets.list()).items.length, 3);
  });

  conformance('[sig-apps] Deployment deployment should support proportional scaling', async () => {
    const { all, sets } = await space();
    const name = 'webserver-deployment';
    const rollingUpdate = { maxSurge: 3, maxUnavailable: 2 };
    await all.create(deployment(name, 10, testhost, { strategy: { type: 'RollingUpdate', rollingUpdate } }));
    await untilComplete(all, name);
    const first = (await sets.list()).items[0]!.metadata.name;
    await all.change(name, ({ spec }) => {
      spec!.template.spec!.containers[0]!.image = 'vitrine-test-no-such-image:404';
    });
    // At most 13 Pods, at least 8 of them available.
    await sets.until(first, (set) => set?.spec?.replicas === 8 && set.status?.availableReplicas === 8);
    const { items } = await sets.untilList(
      ({ items }) => items.length === 2 && items.some(({ spec }) => spec?.replicas === 5),
    );
    const second = items.find(({ metadata }) => metadata.name !== first)!.metadata.name;
    assert.equal((await sets.get(second)).status?.availableReplicas ?? 0, 0);
    await all.change(name, ({ spec }) => {
      spec!.replicas = 30;
    });
    // 33 Pods are shared out as 8 to 5.
    await sets.until(first, (set) => set?.spec?.replicas === 20);
    await sets.until(second, (set) => set?.spec?.replicas === 13);
    await all.delete(name, { propagationPolicy: 'Foreground' });
    await all.untilGone(name);
  });

  conformance('[sig-apps] Deployment should run the lifecycle of a Deployment', async () => {
    const { all } = await space();
    const name = 'test-deployment';
    const labels = { 'test-deployment-static': 'true' };
    const labelSelector = 'test-deployment-static=true';
    const watching = await all.watch({ labelSelector });
    await all.create(deployment(name, 1, testhost, {}, labels));
    await watching.take('ADDED');
    await watching.take('MODIFIED', ({ status }) => status?.availableReplicas === 1 && status.readyReplicas === 1);

    await all.patch(name, 'strategic', {
      metadata: { labels: { 'test-deployment': 'patched' } },
      spec: { replicas: 2, template: { spec: { containers: [{ name: 'main', image: otherTesthost }] } } },
    });
    await watching.take('MODIFIED', ({ metadata }) => metadata.labels?.['test-deployment'] === 'patched');
    await watching.take('MODIFIED', ({ status }) => status?.readyReplicas === 2 && status.updatedReplicas === 2);
    const listed = (await kube.of(deployments).list({ labelSelector })).items;
    assert.deepEqual(
      listed.map(({ metadata, spec }) => [metadata.name, spec?.template.spec?.containers[0]?.image]),
      [[name, otherTesthost]],
    );

    const read = await all.get(name, 'status');
    assert.equal(read.status?.readyReplicas, 2);
    const updated = await all.change(name, (object) => {
      object.metadata.labels!['test-deployment'] = 'updated';
      object.spec!.template.spec!.containers[0]!.image = testhost;
    });
    assert.equal(updated.metadata.labels?.['test-deployment'], 'updated');
    await watching.take('MODIFIED', ({ metadata }) => metadata.labels?.['test-deployment'] === 'updated');
    await watching.take(
      'MODIFIED',
      ({ status }) => status?.updatedReplicas === 2 && status.replicas === 2 && status.readyReplicas === 2,
    );
    const patched = await all.patch(name, 'merge', { status: { readyReplicas: 0, availableReplicas: 0 } }, 'status');
    assert.equal(patched.status?.readyReplicas ?? 0, 0);
    await watching.take('MODIFIED', ({ status }) => !status?.readyReplicas);
    // The controller sets it right again.
    await watching.take('MODIFIED', ({ status }) => status?.readyReplicas === 2);

    await all.deleteCollection({ labelSelector });
    await watching.take('DELETED');
    await refused(all.get(name), 404);
    watching.stop();
  });

  conformance('[sig-apps] Deployment Deployment should have a working scale subresource', async () => {
    const { all } = await space();
    await all.create(deployment('test-new-deployment', 1, testhost));
    await untilComplete(all, 'test-new-deployment');
    await exerciseScale(kube, all, 'test-new-deployment');
  });

  conformance('[sig-apps] Deployment should validate Deployment Status endpoints', async () => {
    const { all } = await space();
    await all.create(deployment('test-deployment', 1, testhost));
    await untilComplete(all, 'test-deployment');
    await exerciseStatus(all, 'test-deployment');
  });
});
