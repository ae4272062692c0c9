import { after } from 'node:test';
import { EtcdServer, hasEtcd } from '../../../test/fixture/etcd-server.ts';
import { openEtcdStore } from '../../store/etcd.ts';
import type { Store } from '../../store/store.ts';
import { testOver } from '../testing/start-server.ts';

// The tests of the verbs once more, over etcd: each server has a prefix of its own.
if (hasEtcd) {
  const etcd = await EtcdServer.start();
  const stores: Store[] = [];
  testOver(async () => {
    const store = await openEtcdStore({ endpoints: [etcd.url], prefix: `/verbs/${stores.length}` });
    stores.push(store);
    return store;
  });
  after(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await etcd.remove();
  });
  await import('./verbs.test.ts');
  await import('./watch.test.ts');
}
