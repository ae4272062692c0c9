import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { ReplicationController, ResourceQuota } from '../../../src/api/generated/core-v1.ts';
import { builtin, pods } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { refused } from '../fixture/kube.ts';
import { exerciseScale, netexec, pause, template, untilEachServes } from '../fixture/workloads.ts';

const controllers = builtin<ReplicationController>('', 'v1', 'replicationcontrollers');
const quotas = builtin<ResourceQuota>('', 'v1', 'resourcequotas');
const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const controller = (
  name: string,
  replicas: number,
  container = pause(),
  labels: Record<string, string> = { name },
) => ({
  metadata: { name, labels },
  spec: { replicas, selector: labels, template: template(labels, container) },
});

describe('ReplicationController', { concurrency: 4 }, () => {
  conformance(
    '[sig-apps] ReplicationController should serve a basic image on each replica with a public image',
    async () => {
      const namespace = await kube.namespace('replication-controller');
      await kube.of(controllers, namespace).create(controller('my-hostname-basic', 2, netexec()));
      await untilEachServes(kube, namespace, 2);
    },
  );

  conformance(
    '[sig-apps] ReplicationController should surface a failure condition on a common issue like exceeded quota',
    async () => {
      const namespace = await kube.namespace('replication-controller');
      const all = kube.of(controllers, namespace);
      const name = 'condition-test';
      await kube.of(quotas, namespace).create({ metadata: { name }, spec: { hard: { pods: '2' } } });
      await kube.of(quotas, namespace).until(name, (quota) => quota?.status?.hard?.pods === '2');
      await all.create(controller(name, 3));
      const failed = await all.until(name, (rc) =>
        rc?.status?.conditions?.some(({ type }) => type === 'ReplicaFailure'),
      );
      const [condition] = failed.status!.conditions!;
      assert.deepEqual([condition!.status, condition!.reason], ['True', 'FailedCreate']);
      assert.match(
        condition!.message!,
        /exceeded quota: condition-test, requested: pods=1, used: pods=2, limited: pods=2/,
      );
      await all.change(name, ({ spec }) => {
        spec!.replicas = 2;
      });
      await all.until(name, (rc) => !rc?.status?.conditions?.some(({ type }) => type === 'ReplicaFailure'));
    },
  );

  conformance('[sig-apps] ReplicationController should adopt matching pods on creation', async () => {
    const namespace = await kube.namespace('replication-controller');
    const inside = kube.of(pods, namespace);
    const name = 'pod-adoption';
    await inside.create({ metadata: { name, labels: { name } }, spec: template({}).spec });
    const rc = await kube.of(controllers, namespace).create(controller(name, 1));
    await inside.until(name, (pod) =>
      pod?.metadata.ownerReferences?.some(({ controller, uid }) => controller && uid === rc.metadata.uid),
    );
    assert.equal((await inside.list()).items.length, 1);
  });

  conformance('[sig-apps] ReplicationController should release no longer matching pods', async () => {
    const namespace = await kube.namespace('replication-controller');
    const inside = kube.of(pods, namespace);
    const name = 'pod-release';
    const rc = await kube.of(controllers, namespace).create(controller(name, 1));
    const { items } = await inside.untilList((list) => list.items.length === 1);
    const pod = items[0]!.metadata.name;
    await inside.patch(pod, 'merge', { metadata: { labels: { name: 'not-matching-name' } } });
    await inside.until(
      pod,
      (object) => object && !object.metadata.ownerReferences?.some(({ uid }) => uid === rc.metadata.uid),
    );
  });

  conformance('[sig-apps] ReplicationController should test the lifecycle of a ReplicationController', async () => {
    const all = kube.of(controllers, await kube.namespace('replication-controller'));
    const name = 'rc-test';
    const labelSelector = 'test-rc-static=true';
    const watching = await all.watch({ labelSelector });
    await all.create(controller(name, 1, pause(), { 'test-rc-static': 'true' }));
    await watching.take('ADDED');
    await watching.take('MODIFIED', ({ status }) => status?.readyReplicas === 1);

    await all.patch(name, 'strategic', { metadata: { labels: { 'test-rc': 'patched' } } });
    await watching.take('MODIFIED', ({ metadata }) => metadata.labels?.['test-rc'] === 'patched');

    await all.patch(name, 'merge', { status: { readyReplicas: 0, availableReplicas: 0 } }, 'status');
    await watching.take('MODIFIED', ({ status }) => !status?.readyReplicas);
    assert.equal((await all.get(name, 'status')).metadata.name, name);
    await watching.take('MODIFIED', ({ status }) => status?.readyReplicas === 1);

    const headers = { 'content-type': 'application/merge-patch+json' };
    await kube.json('PATCH', all.path(name, 'scale'), { body: { spec: { replicas: 2 } }, headers });
    await watching.take('MODIFIED', ({ status }) => status?.replicas === 2 && status.readyReplicas === 2);

    const updated = await all.change(name, ({ metadata }) => {
      metadata.labels!['test-rc-update'] = 'updated';
    });
    assert.equal(updated.metadata.labels?.['test-rc-update'], 'updated');
    const { items } = await kube.of(controllers).list({ labelSelector });
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      [name],
    );
    await all.deleteCollection({ labelSelector });
    await watching.take('DELETED');
    await refused(all.get(name), 404);
    watching.stop();
  });

  conformance('[sig-apps] ReplicationController should get and update a ReplicationController scale', async () => {
    const all = kube.of(controllers, await kube.namespace('replication-controller'));
    await all.create(controller('e2e-rc', 1));
    await all.until('e2e-rc', (rc) => rc?.status?.readyReplicas === 1);
    await exerciseScale(kube, all, 'e2e-rc');
    await all.until('e2e-rc', (rc) => rc?.status?.readyReplicas === 4);
  });
});
