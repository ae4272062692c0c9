import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { ConfigMap } from '../../../src/api/generated/core-v1.ts';
import { configMaps } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import type { Objects } from '../fixture/kube.ts';
import type { Watching } from '../fixture/watching.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const label = 'watch-this-configmap';
const labelled = (name: string, value: string) => ({ metadata: { name, labels: { [label]: value } } });

async function setData(maps: Objects<ConfigMap>, name: string, value: string): Promise<ConfigMap> {
  return maps.change(name, (map) => {
    map.data = { mutation: value };
  });
}

async function expectEvent(watching: Watching<ConfigMap>, type: 'ADDED' | 'MODIFIED', object: ConfigMap) {
  assert.deepEqual(await watching.next(), { type, object });
}

async function expectDeleted(watching: Watching<ConfigMap>, name: string): Promise<void> {
  const event = await watching.next();
  assert.deepEqual([event.type, (event.object as ConfigMap).metadata.name], ['DELETED', name]);
}

describe('watch', { concurrency: 4 }, () => {
  conformance(
    '[sig-api-machinery] Watchers should observe add, update, and delete watch notifications on configmaps',
    async () => {
      const maps = kube.of(configMaps, await kube.namespace('watch'));
      const [a, b] = ['multiple-watchers-A', 'multiple-watchers-B'];
      const watchA = await maps.watch({ labelSelector: `${label} in (${a})` });
      const watchB = await maps.watch({ labelSelector: `${label} in (${b})` });
      const watchAB = await maps.watch({ labelSelector: `${label} in (${a},${b})` });
      const first = await maps.create(labelled('e2e-watch-test-configmap-a', a));
      const second = await setData(maps, first.metadata.name, '1');
      const third = await setData(maps, first.metadata.name, '2');
      await maps.delete(first.metadata.name);
      const other = await maps.create(labelled('e2e-watch-test-configmap-b', b));
      await maps.delete(other.metadata.name);
      // Each watch brings exactly what concerns it, in order, so what another saw cannot have come in between.
      for (const watching of [watchA, watchAB]) {
        await expectEvent(watching, 'ADDED', first);
        await expectEvent(watching, 'MODIFIED', second);
        await expectEvent(watching, 'MODIFIED', third);
        await expectDeleted(watching, first.metadata.name);
      }
      for (const watching of [watchB, watchAB]) {
        await expectEvent(watching, 'ADDED', other);
        await expectDeleted(watching, other.metadata.name);
      }
      for (const watching of [watchA, watchB, watchAB]) {
        assert.equal(await watching.any(300), false);
        watching.stop();
      }
    },
  );

  conformance(
    '[sig-api-machinery] Watchers should be able to start watching from a specific resource version',
    async () => {
      const maps = kube.of(configMaps, await kube.namespace('watch'));
      const { metadata } = await maps.create(labelled('e2e-watch-test-resource-version', 'from-resource-version'));
      const first = await setData(maps, metadata.name, '1');
      const second = await setData(maps, metadata.name, '2');
      await maps.delete(metadata.name);
      const watching = await maps.watch({
        labelSelector: `${label}=from-resource-version`,
        resourceVersion: first.metadata.resourceVersion,
      });
      await expectEvent(watching, 'MODIFIED', second);
      await expectDeleted(watching, metadata.name);
      watching.stop();
    },
  );

  conformance(
    '[sig-api-machinery] Watchers should be able to restart watching from the last resource version observed by the previous watch',
    async () => {
      const maps = kube.of(configMaps, await kube.namespace('watch'));
      const labelSelector = `${label}=watch-closed-and-restarted`;
      const broken = await maps.watch({ labelSelector });
      const created = await maps.create(labelled('e2e-watch-test-watch-closed', 'watch-closed-and-restarted'));
      await setData(maps, created.metadata.name, '1');
      await expectEvent(broken, 'ADDED', created);
      const last = await broken.take('MODIFIED');
      broken.stop();
      const second = await setData(maps, created.metadata.name, '2');
      const restarted = await maps.watch({ labelSelector, resourceVersion: last.metadata.resourceVersion });
      await maps.delete(created.metadata.name);
      await expectEvent(restarted, 'MODIFIED', second);
      await expectDeleted(restarted, created.metadata.name);
      restarted.stop();
    },
  );

  conformance(
    '[sig-api-machinery] Watchers should observe an object deletion if it stops meeting the requirements of the selector',
    async () => {
      const maps = kube.of(configMaps, await kube.namespace('watch'));
      const watching = await maps.watch({ labelSelector: `${label}=label-changed-and-restored` });
      const created = await maps.create(labelled('e2e-watch-test-label-changed', 'label-changed-and-restored'));
      const { name } = created.metadata;
      const setLabel = (value: string) =>
        maps.change(name, (map) => {
          map.metadata.labels![label] = value;
        });
      const first = await setData(maps, name, '1');
      await setLabel('wrong-value');
      await expectEvent(watching, 'ADDED', created);
      await expectEvent(watching, 'MODIFIED', first);
      await expectDeleted(watching, name);
      await setData(maps, name, '2');
      assert.equal(await watching.any(300), false);
      const restored = await setLabel('label-changed-and-restored');
      const third = await setData(maps, name, '3');
      await maps.delete(name);
      await expectEvent(watching, 'ADDED', restored);
      await expectEvent(watching, 'MODIFIED', third);
      await expectDeleted(watching, name);
      watching.stop();
    },
  );

  conformance('[sig-api-machinery] Watchers should receive events on concurrent watches in same order', async () => {
    const maps = kube.of(configMaps, await kube.namespace('watch'));
    let producing = true;
    let resourceVersion = '0';
    // Before anything is there but the root CA: what exists at the start is told in the order of names, not of versions.
    const watches: Watching<ConfigMap>[] = [await maps.watch({ resourceVersion })];
    const producer = produceEvents(maps, () => producing);
    for (let i = 0; i < 100; i++) {
      if (i > 0) watches.push(await maps.watch({ resourceVersion }));
      const [leader, ...others] = watches as [Watching<ConfigMap>, ...Watching<ConfigMap>[]];
      resourceVersion = ((await leader.next()).object as ConfigMap).metadata.resourceVersion;
      for (const watching of others) {
        const { object } = await watching.next();
        assert.equal((object as ConfigMap).metadata.resourceVersion, resourceVersion);
      }
    }
    producing = false;
    for (const watching of watches) watching.stop();
    await producer;
  });
});

/** Creates, updates and deletes at random. */
async function produceEvents(maps: Objects<ConfigMap>, producing: () => boolean): Promise<void> {
  const existing: string[] = [];
  for (let i = 0; producing(); i++) {
    const operation = existing.length === 0 ? 0 : Math.floor(Math.random() * 3);
    const chosen = Math.floor(Math.random() * existing.length);
    const name = existing[chosen]!;
    if (operation === 0) {
      existing.push(`cm-${i}`);
      await maps.create({ metadata: { name: `cm-${i}` } });
    } else if (operation === 1) {
      await maps.update({ metadata: { name, labels: { step: `${i}` } } } as unknown as ConfigMap);
    } else {
      existing.splice(chosen, 1);
      await maps.delete(name);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
