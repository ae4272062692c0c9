import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../api/object.ts';
import { events } from '../api/resource.ts';
import { FakeClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { FakeTransport } from './fake-transport.ts';
import { createEventRecorder } from './recorder.ts';
import { createClient } from './rest.ts';

const about = (kind: string, name: string, namespace?: string): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace, uid: `uid-${name}`, resourceVersion: '7', creationTimestamp: '' },
});

function setUp() {
  const client = createClient(new FakeTransport());
  const clock = new FakeClock();
  const recorder = createEventRecorder(client, { component: 'kubelet', host: 'n1', log: silentLogger, clock });
  const written = async () => {
    clock.advance(1000);
    await sleep(30);
    return (await client.list(events)).items;
  };
  return { clock, recorder, written };
}

test('a repeated event is counted in one Event', async () => {
  const { clock, recorder, written } = setUp();
  for (let times = 0; times < 3; times++) {
    recorder.event(about('Pod', 'p', 'x'), 'Warning', 'BackOff', 'Back-off', { fieldPath: 'spec.containers{a}' });
    clock.advance(10_000);
  }
  const [event, ...others] = await written();
  assert.equal(others.length, 0);
  assert.match(event!.metadata.name, /^p\.[0-9a-f]{16}$/);
  assert.deepEqual(
    [event!.count, event!.firstTimestamp, event!.lastTimestamp, event!.source, event!.reportingComponent],
    [3, '2023-11-14T22:13:20Z', '2023-11-14T22:13:40Z', { component: 'kubelet', host: 'n1' }, 'kubelet'],
  );
  assert.equal(event!.involvedObject.fieldPath, 'spec.containers{a}');
});

test('an event about a cluster-scoped object lives in namespace default', async () => {
  const { recorder, written } = setUp();
  recorder.event(about('Node', 'n1'), 'Normal', 'NodeReady', 'ready');
  const [event] = await written();
  assert.equal(event!.metadata.namespace, 'default');
  assert.equal(event!.involvedObject.namespace, undefined);
});

test('messages that differ are combined from the tenth on, and at most 25 are written at once', async () => {
  const { recorder, written } = setUp();
  for (let times = 0; times < 40; times++) recorder.event(about('Pod', 'p', 'x'), 'Normal', 'Chatty', `no. ${times}`);
  const all = await written();
  assert.equal(all.length, 10);
  const combined = all.find((event) => event.message?.startsWith('(combined from similar events): '));
  assert.equal(combined?.count, 16);
});
