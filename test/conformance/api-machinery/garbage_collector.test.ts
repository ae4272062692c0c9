import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { Pod, ReplicationController } from '../../../src/api/generated/core-v1.ts';
import type { OwnerReference } from '../../../src/api/generated/meta-v1.ts';
import { builtin, deployments, pods, replicaSets } from '../../../src/api/resource.ts';
import { shell, stay } from '../../cluster/fixture/objects.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import type { Objects } from '../fixture/kube.ts';

const controllers = builtin<ReplicationController>('', 'v1', 'replicationcontrollers');
const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

/** Long enough for the collector to do what it should not. */
const graceMs = 1500;
const pause = () => new Promise((resolve) => setTimeout(resolve, graceMs));

const template = (labels: Record<string, string>) => ({
  metadata: { labels },
  spec: { terminationGracePeriodSeconds: 0, containers: [shell(stay)] },
});

/** A controller and its Pods, all of them made. */
async function ownedPods(name: string, replicas: number) {
  const namespace = await kube.namespace('gc');
  const owners = kube.of(controllers, namespace);
  const owned = kube.of(pods, namespace);
  const labels = { 'gc-test': name };
  const rc = await owners.create({
    metadata: { name },
    spec: { replicas, selector: labels, template: template(labels) },
  });
  await owned.untilList(({ items }) => items.length === replicas, { labelSelector: `gc-test=${name}` });
  await owners.until(name, (object) => object?.status?.replicas === replicas);
  return { owners, owned, rc, labels };
}

async function ownedReplicaSet(name: string) {
  const namespace = await kube.namespace('gc');
  const owners = kube.of(deployments, namespace);
  const owned = kube.of(replicaSets, namespace);
  const labels = { 'gc-test': name };
  const deployment = await owners.create({
    metadata: { name },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate' },
      template: template(labels),
    },
  });
  await owned.untilList(({ items }) => items.length === 1);
  return { owners, owned, deployment };
}

const uidOf = (object: { metadata: { uid: string } }) => ({ uid: object.metadata.uid });

describe('garbage collector', { concurrency: 4 }, () => {
  conformance('[sig-api-machinery] Garbage collector should delete pods created by rc when not orphaning', async () => {
    const { owners, owned, rc } = await ownedPods('simpletest.rc', 2);
    await owners.delete(rc.metadata.name, { propagationPolicy: 'Background', preconditions: uidOf(rc) });
    await owned.untilList(({ items }) => items.length === 0);
    await owners.untilGone(rc.metadata.name);
  });

  conformance(
    '[sig-api-machinery] Garbage collector should orphan pods created by rc if delete options say so [Serial]',
    async () => {
      const { owners, owned, rc } = await ownedPods('simpletest.rc', 10);
      await owners.delete(rc.metadata.name, { propagationPolicy: 'Orphan', preconditions: uidOf(rc) });
      await owners.untilGone(rc.metadata.name);
      await pause();
      const { items } = await owned.list();
      assert.equal(items.length, 10);
      for (const pod of items) assert.deepEqual(pod.metadata.ownerReferences ?? [], []);
    },
  );

  conformance(
    '[sig-api-machinery] Garbage collector should delete RS created by deployment when not orphaning',
    async () => {
      const { owners, owned, deployment } = await ownedReplicaSet('simpletest.deployment');
      await owners.delete(deployment.metadata.name, {
        propagationPolicy: 'Background',
        preconditions: uidOf(deployment),
      });
      await owned.untilList(({ items }) => items.length === 0);
      await owners.untilList(({ items }) => items.length === 0);
    },
  );

  conformance(
    '[sig-api-machinery] Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan',
    async () => {
      const { owners, owned, deployment } = await ownedReplicaSet('simpletest.deployment');
      await owners.delete(deployment.metadata.name, { propagationPolicy: 'Orphan', preconditions: uidOf(deployment) });
      await owners.untilGone(deployment.metadata.name);
      await pause();
      const { items } = await owned.list();
      assert.equal(items.length, 1);
      for (const set of items)
        assert.equal(
          (set.metadata.ownerReferences ?? []).some(({ controller }) => controller),
          false,
        );
    },
  );

  conformance(
    '[sig-api-machinery] Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so [Serial]',
    async () => {
      const { owners, owned, rc, labels } = await ownedPods('simpletest.rc', 10);
      // The order of the two deletions, as one watch of each tells it.
      const [podWatch, rcWatch] = [
        await owned.watch({ labelSelector: `gc-test=${labels['gc-test']}` }),
        await owners.watch(),
      ];
      await owners.delete(rc.metadata.name, { propagationPolicy: 'Foreground', preconditions: uidOf(rc) });
      const waiting = await rcWatch.take('MODIFIED', ({ metadata }) => metadata.deletionTimestamp);
      assert.deepEqual(waiting.metadata.finalizers, ['foregroundDeletion']);
      const gone = await rcWatch.take('DELETED');
      for (let i = 0; i < 10; i++) {
        const pod = await podWatch.take('DELETED');
        assert.ok(Number(pod.metadata.resourceVersion) < Number(gone.metadata.resourceVersion));
      }
      assert.equal((await owned.list()).items.length, 0);
      for (const watching of [podWatch, rcWatch]) watching.stop();
    },
  );

  conformance(
    "[sig-api-machinery] Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted [Serial]",
    async () => {
      const { owners, owned, rc } = await ownedPods('simpletest-rc-to-be-deleted', 10);
      const labels = { another: 'simpletest-rc-to-stay' };
      const stays = await owners.create({
        metadata: { name: 'simpletest-rc-to-stay' },
        spec: { replicas: 0, selector: labels, template: template(labels) },
      });
      const owner = {
        apiVersion: 'v1',
        kind: 'ReplicationController',
        name: stays.metadata.name,
        uid: stays.metadata.uid,
      };
      const half = (await owned.list()).items.slice(0, 5);
      for (const pod of half)
        await owned.patch(pod.metadata.name, 'strategic', { metadata: { ownerReferences: [owner] } });
      await owners.delete(rc.metadata.name, { propagationPolicy: 'Foreground', preconditions: uidOf(rc) });
      await owners.untilGone(rc.metadata.name);
      await pause();
      const { items } = await owned.list();
      assert.deepEqual(
        items.map(({ metadata }) => metadata.name).sort(),
        half.map(({ metadata }) => metadata.name).sort(),
      );
      for (const pod of items) {
        assert.equal(pod.metadata.deletionTimestamp, undefined);
        assert.deepEqual(
          pod.metadata.ownerReferences?.map(({ uid }) => uid),
          [stays.metadata.uid],
        );
      }
    },
  );

  conformance('[sig-api-machinery] Garbage collector should not be blocked by dependency circle', async () => {
    const owned = kube.of(pods, await kube.namespace('gc'));
    const made: Pod[] = [];
    for (const name of ['pod1', 'pod2', 'pod3'])
      made.push(
        await owned.create({
          metadata: { name },
          spec: { terminationGracePeriodSeconds: 0, containers: [shell(stay)] },
        }),
      );
    const [pod1, pod2, pod3] = made as [Pod, Pod, Pod];
    await own(owned, pod1, pod3);
    await own(owned, pod2, pod1);
    await own(owned, pod3, pod2);
    await owned.delete('pod1', { propagationPolicy: 'Foreground', preconditions: uidOf(pod1) });
    await owned.untilList(({ items }) => items.length === 0);
  });
});

async function own(owned: Objects<Pod>, pod: Pod, owner: Pod): Promise<void> {
  const { name, uid } = owner.metadata;
  const ownerReferences: OwnerReference[] = [
    { apiVersion: 'v1', kind: 'Pod', name, uid, controller: true, blockOwnerDeletion: true },
  ];
  await owned.patch(pod.metadata.name, 'strategic', { metadata: { ownerReferences } });
}
