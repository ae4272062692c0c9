import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/cluster/fixture/until.ts';
import { configMaps } from '../api/resource.ts';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { FakeTransport } from './fake-transport.ts';
import { createInformerFactory } from './informers.ts';
import { createClient } from './rest.ts';

function setUp() {
  const transport = new FakeTransport();
  const client = createClient(transport);
  const factory = createInformerFactory(client, { log: silentLogger, clock: systemClock });
  const create = (name: string, data: Record<string, string> = {}) =>
    client.create(configMaps, { metadata: { name, namespace: 'x' }, data });
  return { transport, client, factory, create };
}

test('an informer lists, then follows changes, and keeps its indexes', async () => {
  const { client, factory, create } = setUp();
  const first = await create('a', { colour: 'red' });
  const informer = factory.informer(configMaps, { indexes: { colour: (map) => [map.data?.colour ?? ''] } });
  const log: string[] = [];
  informer.on({
    added: (map) => log.push(`added ${map.metadata.name}`),
    updated: (map, previous) => log.push(`updated ${previous.data?.colour} ${map.data?.colour}`),
    deleted: (map) => log.push(`deleted ${map.metadata.name}`),
  });
  assert.equal(factory.informer(configMaps), informer);
  factory.start();
  await factory.whenSynced();
  await create('b', { colour: 'red' });
  await until('two red ones', () => informer.byIndex('colour', 'red').length === 2);
  await client.update(configMaps, { ...first, data: { colour: 'blue' } });
  await client.delete(configMaps, 'b', 'x');
  await until('one', () => informer.list().length === 1);
  assert.deepEqual(log, ['added a', 'added b', 'updated red blue', 'deleted b']);
  assert.deepEqual(informer.byIndex('colour', 'red'), []);
  assert.equal(informer.get('x/a')?.data?.colour, 'blue');
  assert.deepEqual([informer.list('x').length, informer.list('y').length], [1, 0]);
  factory.stop();
});

test('a watch that ends is resumed from where it was, without a second list', async () => {
  const { transport, factory, create } = setUp();
  const informer = factory.informer(configMaps);
  factory.start();
  await factory.whenSynced();
  await create('a');
  await until('one', () => informer.list().length === 1);
  transport.endWatches();
  await create('b');
  await until('two', () => informer.list().length === 2);
  assert.equal(transport.requests.filter((line) => line.startsWith('GET') && !line.includes('watch')).length, 1);
  factory.stop();
});

test('an expired revision leads to a new list, whose differences are told', async () => {
  const { transport, client, factory, create } = setUp();
  await create('gone');
  const informer = factory.informer(configMaps);
  const log: string[] = [];
  informer.on({
    added: (map) => log.push(`added ${map.metadata.name}`),
    deleted: (map) => log.push(`deleted ${map.metadata.name}`),
  });
  factory.start();
  await factory.whenSynced();
  let down = true;
  transport.intercept = () => {
    if (down) throw new Error('connection refused');
  };
  transport.endWatches();
  await sleep(20);
  down = false;
  transport.intercept = (request) => {
    if (down && request.path.includes('watch')) throw new Error('connection refused');
  };
  down = true;
  await client.delete(configMaps, 'gone', 'x');
  await create('new');
  transport.compact();
  down = false;
  await until('the new list', () => informer.get('x/new') !== undefined && informer.get('x/gone') === undefined);
  assert.deepEqual(log, ['added gone', 'added new', 'deleted gone']);
  factory.stop();
});
