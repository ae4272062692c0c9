import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { services } from '../api/resource.ts';
import { FakeClock, systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import { FakeTransport } from '../client/fake-transport.ts';
import { createInformerFactory } from '../client/informers.ts';
import { createClient } from '../client/rest.ts';
import { ServiceHealth } from './service-health.ts';

test('a port that another program has is told of, and tried again until the Service is gone', async (t) => {
  const other = net.createServer().listen(0, '0.0.0.0');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const client = createClient(new FakeTransport());
  const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: port };
  await client.create(services, { metadata: { name: 'web', namespace: 'default' }, spec } as never);
  const informers = createInformerFactory(client, { log: silentLogger, clock: systemClock });
  const clock = new FakeClock();
  const told: string[] = [];
  const events: EventRecorder = {
    event: ({ kind, metadata: { name } }, ...what) => void told.push([kind, name, ...what].join(' ')),
  };
  const health = new ServiceHealth({ informers, events, nodeName: 'own', clock, log: silentLogger });
  t.after(() => {
    health.stop();
    informers.stop();
    other.close();
  });
  health.start();
  informers.start();
  const until = async (what: () => unknown) => {
    for (let i = 0; i < 500 && !(await what()); i++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.ok(await what(), String(what));
  };
  const status = () => fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.status, String);
  await until(() => told.length === 1);
  const cause = `listen tcp 0.0.0.0:${port}: bind: address already in use`;
  const message = `node own failed to start healthcheck "default/web" on port ${port}: ${cause}`;
  assert.equal(told[0], `Service web Warning FailedToStartServiceHealthcheck ${message}`);
  clock.advance(30_000);
  await until(() => told.length === 2);
  other.close();
  clock.advance(30_000);
  await until(async () => (await status()) === 503);
  assert.equal(told.length, 2);
  await client.delete(services, 'web', 'default');
  await until(async () => (await status()) !== 503);
});
