import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { Event } from '../../../src/api/generated/core-v1.ts';
import { events } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import type { Sketch } from '../fixture/kube.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const testEvent = (namespace: string, name: string, labels: Record<string, string>): Sketch<Event> => ({
  metadata: { name, labels },
  message: 'This is a test event',
  reason: 'Test',
  type: 'Normal',
  count: 1,
  involvedObject: { namespace },
});

describe('core Events', { concurrency: 2 }, () => {
  conformance('[sig-instrumentation] Events should manage the lifecycle of an event', async () => {
    const namespace = await kube.namespace('events');
    const [own, everywhere] = [kube.of(events, namespace), kube.of(events)];
    const name = 'event-test';
    await own.create(testEvent(namespace, name, { 'testevent-constant': 'true' }));
    const labelSelector = 'testevent-constant=true';
    const found = (await everywhere.list({ labelSelector })).items.filter(({ metadata }) => metadata.name === name);
    assert.deepEqual(
      found.map(({ metadata }) => metadata.namespace),
      [namespace],
    );

    const patched = 'This is a test event - patched';
    await own.patch(name, 'strategic', { message: patched });
    const fetched = await own.get(name);
    assert.equal(fetched.message, patched);

    const series = { count: 100, lastObservedTime: '2017-09-19T13:49:16.000000Z' };
    await own.update({ ...fetched, series });
    assert.deepEqual((await own.get(name)).series, series);

    await own.delete(name);
    const left = (await everywhere.list({ labelSelector })).items.filter(({ metadata }) => metadata.name === name);
    assert.deepEqual(left, []);
  });

  conformance('[sig-instrumentation] Events should delete a collection of events', async () => {
    const namespace = await kube.namespace('events');
    const own = kube.of(events, namespace);
    const names = ['test-event-1', 'test-event-2', 'test-event-3'];
    const labelSelector = 'testevent-set=true';
    for (const name of names) await own.create(testEvent(namespace, name, { 'testevent-set': 'true' }));
    assert.equal((await own.list({ labelSelector })).items.length, names.length);
    await own.deleteCollection({ labelSelector });
    assert.equal((await own.list({ labelSelector })).items.length, 0);
  });
});
