import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { Event } from '../../../src/api/generated/events-v1.ts';
import { builtin, events as coreEvents } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import type { Objects, Sketch } from '../fixture/kube.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const events = builtin<Event>('events.k8s.io', 'v1', 'events');

const testEvent = (namespace: string, name: string, label: string): Sketch<Event> => ({
  metadata: { name, labels: { [label]: 'true' } },
  regarding: { namespace },
  eventTime: '2017-09-19T13:49:16.000000Z',
  note: `This is ${name}`,
  action: 'Do',
  reason: 'Test',
  type: 'Normal',
  reportingController: 'test-controller',
  reportingInstance: 'test-node',
});

async function isListed(where: Objects<Event>, namespace: string, name: string): Promise<boolean> {
  const { items } = await where.list({ labelSelector: 'testevent-constant=true' });
  return items.some(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
}

/** Without what the server sets at every write. */
function settled({ metadata: { resourceVersion: _, managedFields: __, ...metadata }, ...event }: Event): object {
  return { ...event, metadata };
}

describe('events.k8s.io', { concurrency: 2 }, () => {
  conformance(
    '[sig-instrumentation] Events API should ensure that an event can be fetched, patched, deleted, and listed',
    async () => {
      const namespace = await kube.namespace('events');
      const [own, everywhere] = [kube.of(events, namespace), kube.of(events)];
      const name = 'event-test';
      await own.create(testEvent(namespace, name, 'testevent-constant'));
      assert.ok(await isListed(everywhere, namespace, name));
      assert.ok(await isListed(own, namespace, name));
      const bySource = await kube.of(coreEvents, namespace).list({ fieldSelector: 'source=test-controller' });
      assert.deepEqual(
        bySource.items.map(({ metadata }) => metadata.name),
        [name],
      );
      const byController = await own.list({ fieldSelector: 'reportingController=test-controller' });
      assert.deepEqual(
        byController.items.map(({ metadata }) => metadata.name),
        [name],
      );

      const created = await own.get(name);
      const first = { count: 2, lastObservedTime: '2017-09-19T13:49:11.000000Z' };
      await own.patch(name, 'strategic', { series: first });
      const patched = await own.get(name);
      assert.deepEqual(settled(patched), settled({ ...created, series: first }));

      const series = { count: 100, lastObservedTime: '2017-09-19T13:49:16.000000Z' };
      await own.update({ ...patched, series });
      assert.deepEqual(settled(await own.get(name)), settled({ ...patched, series }));

      await own.delete(name);
      assert.equal(await isListed(everywhere, namespace, name), false);
      assert.equal(await isListed(own, namespace, name), false);
    },
  );

  conformance('[sig-instrumentation] Events API should delete a collection of events', async () => {
    const namespace = await kube.namespace('events');
    const own = kube.of(events, namespace);
    const names = ['test-event-1', 'test-event-2', 'test-event-3'];
    for (const name of names) await own.create(testEvent(namespace, name, 'testevent-set'));
    const labelSelector = 'testevent-set=true';
    assert.equal((await own.list({ labelSelector })).items.length, names.length);
    await own.deleteCollection({ labelSelector });
    assert.equal((await own.list({ labelSelector })).items.length, 0);
  });
});
