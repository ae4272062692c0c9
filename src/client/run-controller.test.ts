import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/cluster/fixture/until.ts';
import { keyOf } from '../api/object.ts';
import { configMaps, pods, replicaSets } from '../api/resource.ts';
import { conflict } from '../api/status-error.ts';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/log.ts';
import type { Controller } from './controller.ts';
import { FakeTransport } from './fake-transport.ts';
import { createInformerFactory } from './informers.ts';
import { createClient } from './rest.ts';
import { runControllers } from './run-controller.ts';

async function run(controller: Omit<Controller, 'name'>) {
  const client = createClient(new FakeTransport());
  const lines: string[] = [];
  const log = createLogger('test', { write: (line) => void lines.push(line) });
  const clock = systemClock;
  const informers = createInformerFactory(client, { log, clock });
  const running = runControllers([() => ({ name: 'c', ...controller })], {
    client,
    informers,
    clock,
    log,
    events: { event() {} },
  });
  await running.whenSynced();
  return { client, lines, stop: async () => [await running.stop(), informers.stop()] };
}

test('a change enqueues the object itself, its controller by uid, and what a mapping says', async () => {
  const seen: string[] = [];
  const { client, stop } = await run({
    for: replicaSets,
    owns: [pods],
    watches: [{ resource: configMaps, keys: (map) => [`mapped/${map.metadata.name}`] }],
    reconcile: async (key) => void seen.push(key),
  });
  const set = await client.create(replicaSets, {
    metadata: { name: 'rs', namespace: 'x' },
    spec: { selector: {} },
  });
  await until('the object itself', () => seen.length === 1);
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', controller: true };
  const pod = (name: string, uid: string) =>
    client.create(pods, {
      metadata: { name, namespace: 'x', ownerReferences: [{ ...owner, uid }] },
      spec: { containers: [] },
    });
  await pod('mine', set.metadata.uid);
  await until('its controller', () => seen.length === 2);
  await pod('of-a-former-one', 'other');
  await client.create(configMaps, { metadata: { name: 'm', namespace: 'x' } });
  await until('what the mapping says', () => seen.includes('mapped/m'));
  assert.deepEqual(seen, [keyOf(set), keyOf(set), 'mapped/m']);
  await stop();
});

test('a failure is tried again and logged once, a conflict not at all; requeueAfterMs calls again', async () => {
  let calls = 0;
  const { client, lines, stop } = await run({
    for: configMaps,
    reconcile: async () => {
      calls++;
      if (calls <= 2) throw new Error('disk full');
      if (calls === 3) throw conflict(configMaps, 'a', 'changed');
      if (calls === 4) return { requeueAfterMs: 1 };
    },
  });
  await client.create(configMaps, { metadata: { name: 'a', namespace: 'x' } });
  await until('a success after all', () => calls === 5);
  assert.equal(lines.length, 1, lines.join(''));
  await stop();
});

test('one key is never reconciled twice at once, and a change meanwhile is not lost', async () => {
  let [now, most, calls] = [0, 0, 0];
  const changed = Promise.withResolvers<void>();
  const { client, stop } = await run({
    for: configMaps,
    workers: 4,
    reconcile: async () => {
      most = Math.max(most, ++now);
      calls++;
      await changed.promise;
      now--;
    },
  });
  const map = await client.create(configMaps, { metadata: { name: 'a', namespace: 'x' } });
  await until('it is being reconciled', () => calls === 1);
  for (const value of ['1', '2', '3']) {
    await client.patch(configMaps, map.metadata.name, 'x', { type: 'merge', body: { data: { value } } });
  }
  await sleep(20); // until the informer has told of all
  changed.resolve();
  await until('it is reconciled once more', () => calls === 2);
  await sleep(20);
  assert.deepEqual([most, calls], [1, 2]);
  await stop();
});
