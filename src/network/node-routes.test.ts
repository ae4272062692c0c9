import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodes } from '../api/resource.ts';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { FakeTransport } from '../client/fake-transport.ts';
import { createInformerFactory } from '../client/informers.ts';
import { createClient } from '../client/rest.ts';
import { FakeLinux } from '../linux/fake.ts';
import type { Linux } from '../linux/linux.ts';
import { chooseAddresses } from './choose-addresses.ts';
import { NodeRoutes } from './node-routes.ts';

test('a node that cannot be reached keeps no other from its route', async (t) => {
  const linux = new FakeLinux();
  const net: Linux['net'] = {
    ...linux.net,
    replaceRoute: async (route) => {
      if (route.gateway === '1.2.3.4') throw new Error('ENETUNREACH');
      await linux.net.replaceRoute(route);
    },
  };
  const client = createClient(new FakeTransport());
  const informers = createInformerFactory(client, { log: silentLogger, clock: systemClock });
  const make = (name: string, podCIDR: string, address: string) =>
    client.create(nodes, {
      metadata: { name },
      spec: { podCIDR },
      status: { addresses: [{ type: 'InternalIP', address }] },
    } as never);
  await make('own', '10.64.0.0/22', '10.65.192.1');
  await make('fake', '10.64.4.0/22', '1.2.3.4');
  await make('other', '10.64.8.0/22', '10.65.192.3');
  const plan = chooseAddresses('demo', [], []);
  const options = { informers, linux: { net }, plan, nodeName: 'own', announces: false, log: silentLogger };
  const routes = new NodeRoutes(options);
  t.after(() => {
    routes.stop();
    informers.stop();
  });
  routes.start();
  informers.start();
  const untilRoutes = async (expected: [string, string | undefined][]) => {
    const now = () => [...linux.routesByDestination.values()].map(({ destination, gateway }) => [destination, gateway]);
    for (let i = 0; i < 200 && now().length !== expected.length; i++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(now(), expected);
  };
  await untilRoutes([['10.64.8.0/22', '10.65.192.3']]);
  // What comes later does not wait for the next try.
  await make('late', '10.64.12.0/22', '10.65.192.4');
  await untilRoutes([
    ['10.64.8.0/22', '10.65.192.3'],
    ['10.64.12.0/22', '10.65.192.4'],
  ]);
  await client.delete(nodes, 'other');
  await untilRoutes([['10.64.12.0/22', '10.65.192.4']]);
});
