import assert from 'node:assert/strict';
import { after } from 'node:test';
import type { ControllerRevision } from '../../../src/api/generated/apps-v1.ts';
import { builtin, daemonSets } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { refused } from '../fixture/kube.ts';
import { template } from '../fixture/workloads.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

conformance('[sig-apps] ControllerRevision should manage the lifecycle of a ControllerRevision [Serial]', async () => {
  const namespace = await kube.namespace('controllerrevisions');
  const sets = kube.of(daemonSets, namespace);
  const revisions = kube.of(builtin<ControllerRevision>('apps', 'v1', 'controllerrevisions'), namespace);
  const name = 'e2e-daemon-set';
  const labels = { 'daemonset-name': name };
  const labelSelector = `daemonset-name=${name}`;
  const set = await sets.create({
    metadata: { name, labels },
    spec: { selector: { matchLabels: labels }, template: template(labels) },
  });
  await sets.until(name, (object) => object?.status?.numberReady === 1);
  const { items } = await revisions.untilList((list) => list.items.length === 1, { labelSelector });
  const initial = items[0]!;
  assert.equal(initial.revision, 1);
  assert.deepEqual(await revisions.get(initial.metadata.name), initial);

  const patched = await revisions.patch(initial.metadata.name, 'strategic', {
    metadata: { labels: { [initial.metadata.name]: 'patched' } },
  });
  assert.equal(patched.metadata.labels?.[initial.metadata.name], 'patched');

  const hash = `${name}-e2e`;
  const created = await revisions.create({
    metadata: {
      name: hash,
      labels: { ...labels, 'controller-revision-hash': hash },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'DaemonSet',
          name,
          uid: set.metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    data: initial.data,
    revision: initial.revision + 1,
  });
  await revisions.untilList((list) => list.items.length === 2, { labelSelector });

  await revisions.delete(initial.metadata.name);
  await refused(revisions.get(initial.metadata.name), 404);
  await revisions.untilList((list) => list.items.length === 1, { labelSelector });

  const updated = await revisions.change(created.metadata.name, ({ metadata }) => {
    metadata.labels![hash] = 'updated';
  });
  assert.equal(updated.metadata.labels?.[hash], 'updated');

  // What a revision says is never changed.
  await refused(
    revisions.change(hash, (object) => {
      (object as { data: unknown }).data = { spec: {} };
    }),
    422,
  );

  await sets.patch(name, 'strategic', { spec: { template: { spec: { terminationGracePeriodSeconds: 1 } } } });
  const { items: both } = await revisions.untilList((list) => list.items.length === 2, { labelSelector });
  assert.deepEqual(both.map(({ revision }) => revision).sort(), [2, 3]);
  await revisions.deleteCollection({ labelSelector: `${hash}=updated` });
  const { items: last } = await revisions.untilList((list) => list.items.length === 1, { labelSelector });
  assert.equal(last[0]!.revision, 3);
});
