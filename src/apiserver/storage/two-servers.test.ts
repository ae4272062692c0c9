import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { EtcdServer, hasEtcd } from '../../../test/fixture/etcd-server.ts';
import { openEtcdStore } from '../../store/etcd.ts';
import type { Store } from '../../store/store.ts';
import { startTestServer, type TestServer } from '../testing/start-server.ts';

const path = '/api/v1/namespaces/default/configmaps';

describe('two API servers on one etcd', hasEtcd ? {} : { skip: 'etcd is not installed' }, () => {
  let etcd: EtcdServer;
  const stores: Store[] = [];
  const servers: TestServer[] = [];
  before(async () => {
    etcd = await EtcdServer.start();
    for (let n = 0; n < 2; n++) {
      const store = await openEtcdStore({ endpoints: [etcd.url], prefix: '/vitrine/test' });
      stores.push(store);
      servers.push(await startTestServer({ store }));
    }
  });
  after(async () => {
    for (const { server } of servers) await server.stop();
    for (const store of stores) await store.close();
    await etcd.remove();
  });

  it('each reads at once what the other has written, and may write on top of it', async () => {
    const [one, other] = servers as [TestServer, TestServer];
    for (let n = 0; n < 50; n++) {
      const { body: created } = await one.call('POST', path, { metadata: { name: `a-${n}` } });
      const { status, body: found } = await other.call('GET', `${path}/a-${n}`);
      assert.deepEqual([status, found], [200, created]);
      const { status: put } = await other.call('PUT', `${path}/a-${n}`, { ...found, data: { x: '1' } });
      assert.equal(put, 200);
      const { body: list } = await one.call('GET', path);
      assert.equal(
        list.items.find((item: { metadata: { name: string } }) => item.metadata.name === `a-${n}`).data.x,
        '1',
      );
      const { status: removed } = await one.call('DELETE', `${path}/a-${n}`);
      assert.equal(removed, 200);
      assert.equal((await other.call('POST', path, { metadata: { name: `a-${n}` } })).status, 201);
    }
  });

  it('a watch at one tells what is written at the other, at the revisions that both agree on', async () => {
    const [one, other] = servers as [TestServer, TestServer];
    const { body: list } = await one.call('GET', path);
    const ended = new AbortController();
    const since = list.metadata.resourceVersion;
    const { body } = await other.open(`${path}?watch=true&resourceVersion=${since}`, ended.signal);
    const { body: b } = await one.call('POST', path, { metadata: { name: 'b' } });
    for await (const chunk of body) {
      const event = JSON.parse(Buffer.from(chunk).toString());
      assert.deepEqual([event.type, event.object], ['ADDED', b]);
      break;
    }
    ended.abort();
  });

  it('of many increments at both none is lost', async () => {
    await servers[0]!.call('POST', path, { metadata: { name: 'count' }, data: { n: '0' } });
    const increment = async (server: TestServer) => {
      for (;;) {
        const { body } = await server.call('GET', `${path}/count`);
        body.data.n = String(Number(body.data.n) + 1);
        const { status } = await server.call('PUT', `${path}/count`, body);
        if (status === 200) return;
        assert.equal(status, 409);
      }
    };
    await Promise.all(Array.from({ length: 40 }, (_, n) => increment(servers[n % 2]!)));
    assert.equal((await servers[1]!.call('GET', `${path}/count`)).body.data.n, '40');
  });

  it('Services made at both at the same time share no address and no node port', async () => {
    const make = (n: number) =>
      servers[n % 2]!.call('POST', '/api/v1/namespaces/default/services', {
        metadata: { name: `s-${n}` },
        spec: { type: 'NodePort', ports: [{ port: 80 }] },
      });
    const made = await Promise.all(Array.from({ length: 24 }, (_, n) => make(n)));
    assert.deepEqual(
      made.map(({ status }) => status),
      made.map(() => 201),
    );
    assert.equal(new Set(made.map(({ body }) => body.spec.clusterIP)).size, 24);
    assert.equal(new Set(made.map(({ body }) => body.spec.ports[0].nodePort)).size, 24);
    // Of a fixed address only one can be had, whoever asks first.
    const fixed = await Promise.all(
      [0, 1].map((n) =>
        servers[n]!.call('POST', '/api/v1/namespaces/default/services', {
          metadata: { name: `fixed-${n}` },
          spec: { clusterIP: '10.96.0.9', ports: [{ port: 80 }] },
        }),
      ),
    );
    assert.deepEqual(fixed.map(({ status }) => status).sort(), [201, 422]);
  });

  it('a page goes on at the revision of the first one, whichever server is asked', async () => {
    const [one, other] = servers as [TestServer, TestServer];
    const { body: first } = await one.call('GET', `${path}?limit=10`);
    await one.call('POST', path, { metadata: { name: 'a-0-later' } });
    const names: string[] = [];
    for (let token = first.metadata.continue; token; ) {
      const { body: page } = await other.call('GET', `${path}?limit=10&continue=${token}`);
      assert.equal(page.metadata.resourceVersion, first.metadata.resourceVersion);
      names.push(...page.items.map((item: { metadata: { name: string } }) => item.metadata.name));
      token = page.metadata.continue;
    }
    assert.ok(names.length > 30 && !names.includes('a-0-later'));
  });

  it('after a compaction old pages are 410 Gone, with a token that goes on', async () => {
    const [one, other] = servers as [TestServer, TestServer];
    const { body: first } = await one.call('GET', `${path}?limit=10`);
    await one.call('POST', path, { metadata: { name: 'z' } });
    await stores[0]!.compact(await stores[0]!.currentRevision());
    const { status, body } = await other.call('GET', `${path}?limit=10&continue=${first.metadata.continue}`);
    assert.deepEqual([status, body.reason], [410, 'Expired']);
    const { status: again } = await other.call('GET', `${path}?limit=10&continue=${body.metadata.continue}`);
    assert.equal(again, 200);
  });

  it('a server that slept through a compaction catches up with all that it missed', async () => {
    const [one, other] = servers as [TestServer, TestServer];
    await one.call('POST', path, { metadata: { name: 'gone' } });
    await other.call('GET', `${path}/gone`);
    const ended = new AbortController();
    const { body } = await other.open(`${path}?watch=true`, ended.signal);
    const seen = new Set<string>();
    const collecting = (async () => {
      for await (const chunk of body) {
        for (const line of Buffer.from(chunk).toString().trimEnd().split('\n')) {
          const { type, object } = JSON.parse(line);
          seen.add(`${type} ${object.metadata.name}`);
        }
        if (seen.has('DELETED gone') && seen.has('ADDED new')) return;
      }
    })();
    await etcd.stop();
    await etcd.run();
    // Both servers come back some time after this, which is written and compacted by a third client.
    const third = await openEtcdStore({ endpoints: [etcd.url], prefix: '/vitrine/test' });
    const key = '/registry/configmaps/default/gone';
    const gone = await third.get(key);
    await third.delete(key, gone!.modRevision);
    const value = String(gone!.value).replace('"gone"', '"new"');
    await third.put('/registry/configmaps/default/new', Buffer.from(value), 0);
    await third.compact(await third.currentRevision());
    await third.close();
    await collecting;
    ended.abort();
    assert.equal((await other.call('GET', `${path}/gone`)).status, 404);
    assert.equal((await one.call('GET', `${path}/new`)).status, 200);
  });
});
