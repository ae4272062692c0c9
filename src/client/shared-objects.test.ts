import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configMaps } from '../api/resource.ts';
import { startTestServer } from '../apiserver/testing/start-server.ts';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { createInformerFactory } from './informers.ts';
import { createClient } from './rest.ts';

test('informers within one process hold the same objects, everybody else gets copies', async () => {
  const { server } = await startTestServer();
  const user = { name: 'admin', groups: ['system:masters'] };
  const client = createClient(server.transport(user));
  const draft = (name: string, data: Record<string, string>) => ({ metadata: { name, namespace: 'default' }, data });
  await client.create(configMaps, draft('listed', { x: '1' }));
  const factories = [0, 1].map(() => createInformerFactory(client, { log: silentLogger, clock: systemClock }));
  const informers = factories.map((factory) => factory.informer(configMaps));
  for (const factory of factories) factory.start();
  await Promise.all(informers.map((informer) => informer.whenSynced()));
  const watched = informers.map(
    (informer) =>
      new Promise((resolve) =>
        informer.on({ added: (object) => object.metadata.name === 'watched' && resolve(object) }),
      ),
  );
  await client.create(configMaps, draft('watched', { y: '2' }));
  await Promise.all(watched);
  for (const key of ['default/listed', 'default/watched']) {
    const [one, other] = informers.map((informer) => informer.get(key));
    assert.ok(one && one === other, key);
    assert.equal(one.kind, 'ConfigMap');
    const copy = await client.get(configMaps, one.metadata.name, 'default');
    assert.deepEqual([copy.data, copy.metadata.uid], [one.data, one.metadata.uid]);
    copy.data = { changed: 'yes' };
    assert.notDeepEqual(informers[0]!.get(key)?.data, copy.data);
    assert.equal(
      (await client.list(configMaps)).items.find((item) => item === one),
      undefined,
    );
  }
  for (const factory of factories) factory.stop();
  await server.stop();
});
