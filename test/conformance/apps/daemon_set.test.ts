import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { ControllerRevision, DaemonSet } from '../../../src/api/generated/apps-v1.ts';
import { builtin, daemonSets, nodes, pods } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import type { Objects } from '../fixture/kube.ts';
import { otherTesthost, testhost } from '../fixture/testhost-image.ts';
import { exerciseCollection, exerciseStatus, pause, template } from '../fixture/workloads.ts';

const { cluster, kube } = await startConformanceCluster({ up: '--nodes 2' });
after(() => cluster.delete());

const labels = { 'daemonset-name': 'daemon-set' };
const daemonSet = (name: string, image = testhost, nodeSelector?: Record<string, string>) => ({
  metadata: { name, labels },
  spec: {
    selector: { matchLabels: labels },
    template: template(labels, pause({ image }), nodeSelector ? { nodeSelector } : {}),
  },
});

async function space() {
  const namespace = await kube.namespace('daemonsets');
  return { sets: kube.of(daemonSets, namespace), inside: kube.of(pods, namespace), namespace };
}

const count = async () => (await kube.of(nodes).list()).items.length;

/** Waits until the daemon runs on so many nodes, with the newest template. */
function untilRunning(sets: Objects<DaemonSet>, name: string, wanted: number): Promise<DaemonSet> {
  return sets.until(name, (set) => {
    const status = set?.status;
    return (
      status?.observedGeneration === set?.metadata.generation &&
      status?.desiredNumberScheduled === wanted &&
      status.currentNumberScheduled === wanted &&
      (status.numberAvailable ?? 0) === wanted &&
      (status.updatedNumberScheduled ?? 0) === wanted
    );
  });
}

describe('DaemonSet', { concurrency: 4 }, () => {
  conformance('[sig-apps] Daemon set should run and stop simple daemon [Serial]', async () => {
    const { sets, inside } = await space();
    await sets.create(daemonSet('daemon-set'));
    await untilRunning(sets, 'daemon-set', await count());
    const { items } = await inside.list();
    await inside.delete(items[0]!.metadata.name);
    // It is revived.
    await inside.untilList(
      (list) =>
        list.items.length === items.length &&
        list.items.every(({ metadata }) => metadata.uid !== items[0]!.metadata.uid),
    );
    await untilRunning(sets, 'daemon-set', items.length);
  });

  conformance('[sig-apps] Daemon set should run and stop complex daemon [Serial]', async () => {
    const { sets, inside, namespace } = await space();
    const key = `${namespace}-color`;
    const node = (await kube.of(nodes).list()).items[0]!.metadata.name;
    const paint = (color: string | null) =>
      kube.of(nodes).patch(node, 'merge', { metadata: { labels: { [key]: color } } });
    await sets.create(daemonSet('daemon-set', testhost, { [key]: 'blue' }));
    await untilRunning(sets, 'daemon-set', 0);
    assert.equal((await inside.list()).items.length, 0);
    await paint('blue');
    await untilRunning(sets, 'daemon-set', 1);
    assert.deepEqual(
      (await inside.list()).items.map(({ spec }) => spec?.nodeName),
      [node],
    );
    await paint('green');
    await inside.untilList(({ items }) => items.length === 0);
    await sets.change('daemon-set', ({ spec }) => {
      spec!.template.spec!.nodeSelector = { [key]: 'green' };
      spec!.updateStrategy = { type: 'RollingUpdate' };
    });
    await untilRunning(sets, 'daemon-set', 1);
    await paint(null);
  });

  conformance('[sig-apps] Daemon set should retry creating failed daemon pods [Serial]', async () => {
    const { sets, inside } = await space();
    await sets.create(daemonSet('daemon-set'));
    await untilRunning(sets, 'daemon-set', await count());
    const failed = (await inside.list()).items[0]!;
    await inside.patch(failed.metadata.name, 'merge', { status: { phase: 'Failed' } }, 'status');
    await inside.untilGone(failed.metadata.name);
    await untilRunning(sets, 'daemon-set', await count());
  });

  conformance(
    '[sig-apps] Daemon set should update pod when spec was updated and update strategy is RollingUpdate [Serial]',
    async () => {
      const { sets, inside, namespace } = await space();
      const revisions = kube.of(builtin<ControllerRevision>('apps', 'v1', 'controllerrevisions'), namespace);
      await sets.create(daemonSet('daemon-set'));
      await untilRunning(sets, 'daemon-set', await count());
      const hashOf = async (revision: number) =>
        (await revisions.list()).items.find((one) => one.revision === revision)?.metadata.labels?.[
          'controller-revision-hash'
        ];
      const podsAre = async (image: string, revision: number) => {
        const hash = await hashOf(revision);
        assert.ok(hash);
        for (const { metadata, spec } of (await inside.list()).items)
          assert.deepEqual([spec?.containers[0]?.image, metadata.labels?.['controller-revision-hash']], [image, hash]);
      };
      await podsAre(testhost, 1);
      await sets.patch('daemon-set', 'strategic', {
        spec: { template: { spec: { containers: [{ name: 'main', image: otherTesthost }] } } },
      });
      await untilRunning(sets, 'daemon-set', await count());
      await inside.untilList(({ items }) => items.every(({ metadata }) => !metadata.deletionTimestamp));
      await podsAre(otherTesthost, 2);
    },
  );

  conformance('[sig-apps] Daemon set should rollback without unnecessary restarts [Serial]', async () => {
    const { sets, inside } = await space();
    await sets.create(daemonSet('daemon-set'));
    await untilRunning(sets, 'daemon-set', await count());
    const setImage = (image: string) =>
      sets.change('daemon-set', ({ spec }) => {
        spec!.template.spec!.containers[0]!.image = image;
      });
    const before = new Set((await inside.list()).items.map(({ metadata }) => metadata.uid));
    await setImage('foo:non-existent');
    const { items } = await inside.untilList(({ items }) =>
      items.some(({ spec }) => spec?.containers[0]?.image === 'foo:non-existent'),
    );
    // The Pods that the rollout has not reached.
    const kept = items
      .filter(({ spec }) => spec?.containers[0]?.image === testhost)
      .map(({ metadata }) => metadata.uid);
    assert.ok(before.size > 1, 'the suite needs at least two nodes');
    assert.equal(kept.length, before.size - 1);
    await setImage(testhost);
    await untilRunning(sets, 'daemon-set', await count());
    const after = (await inside.untilList(({ items }) => items.every(({ metadata }) => !metadata.deletionTimestamp)))
      .items;
    for (const { spec, status } of after) {
      assert.equal(spec?.containers[0]?.image, testhost);
      assert.equal(status?.containerStatuses?.[0]?.restartCount, 0);
    }
    for (const uid of kept) assert.ok(after.some(({ metadata }) => metadata.uid === uid));
  });

  conformance('[sig-apps] Daemon set should list and delete a collection of DaemonSets [Serial]', async () => {
    const { sets } = await space();
    await sets.create(daemonSet('daemon-set'));
    await untilRunning(sets, 'daemon-set', await count());
    await exerciseCollection(sets, 'daemonset-name=daemon-set', 1);
  });

  conformance('[sig-apps] Daemon set should verify changes to a daemon set status [Serial]', async () => {
    const { sets } = await space();
    await sets.create(daemonSet('daemon-set'));
    await untilRunning(sets, 'daemon-set', await count());
    await exerciseStatus(sets, 'daemon-set');
  });
});
