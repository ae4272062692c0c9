import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '../../test/cluster/fixture/until.ts';
import { EtcdServer, hasEtcd } from '../../test/fixture/etcd-server.ts';
import { ensurePki } from '../apiserver/pki/pki.ts';
import { systemClock } from '../base/clock.ts';
import { checkEtcdStore } from './check-etcd.ts';
import { deleteEtcdStore, openEtcdStore } from './etcd.ts';
import { storeSuite } from './store.suite.ts';
import type { StoreEvent } from './store.ts';

const options = hasEtcd ? {} : { skip: 'etcd is not installed' };

describe('etcd', options, () => {
  let etcd: EtcdServer;
  let stores = 0;
  before(async () => {
    etcd = await EtcdServer.start();
  });
  after(() => etcd.remove());
  const open = (prefix = `/test/${++stores}/`) => openEtcdStore({ endpoints: [etcd.url], prefix });

  storeSuite('as a store', () => open());

  test('stores with prefixes of their own do not see each other, and one can be deleted', async () => {
    const [one, other] = [await open('/test/x'), await open('/test/x-2')];
    await one.put('/a', Buffer.from('1'), 0);
    const before = await other.currentRevision();
    await one.put('/b', Buffer.from('1'), 0);
    assert.equal(await other.currentRevision(), before, 'a revision of its own');
    assert.equal((await other.range('/', '0')).count, 0);
    await other.put('/a', Buffer.from('other'), 0);
    await deleteEtcdStore({ endpoints: [etcd.url], prefix: '/test/x' });
    assert.equal(await one.get('/a'), undefined);
    assert.equal(String((await other.get('/a'))?.value), 'other');
    await assert.rejects(one.currentRevision(), /etcd has lost \/test\/x: was the cluster deleted\?/);
    await Promise.all([one.close(), other.close()]);
  });

  test('two clients of one store see the same, and each hears of what the other writes', async () => {
    const [one, other] = [await open('/test/two'), await open('/test/two')];
    const seen: StoreEvent[] = [];
    other.watch('/', '0', await other.currentRevision(), { onEvents: (events) => seen.push(...events), onError });
    const written = await one.put('/a', Buffer.from('1'), 0);
    assert.ok(written.ok);
    assert.equal(await other.currentRevision(), written.revision);
    assert.ok((await other.put('/a', Buffer.from('2'), written.revision)).ok);
    assert.equal((await one.put('/a', Buffer.from('3'), written.revision)).ok, false);
    await until('two events', () => seen.length === 2);
    await Promise.all([one.close(), other.close()]);
  });

  test('a check finds what another program wrote', async () => {
    const store = await open('/test/check');
    for (let n = 0; n < 3; n++) await store.put(`/a/${n}`, Buffer.from('1'), 0);
    const address = { endpoints: [etcd.url], prefix: '/test/check' };
    const { problems, keys, revision } = await checkEtcdStore(address);
    assert.deepEqual([problems, keys, revision], [[], 3, await store.currentRevision()]);
    const other = await openEtcdStore({ endpoints: [etcd.url], prefix: '/test/check/a' });
    await other.close();
    const found = await checkEtcdStore(address);
    assert.match(found.problems.join(), /^not written by Vitrine: \/a at revision \d+, after \d+$/);
    await store.close();
  });

  test('ranges of many pages are of one revision', async () => {
    const store = await open();
    const keys = Array.from({ length: 2500 }, (_, n) => `/k/${String(n).padStart(5, '0')}`);
    await Promise.all(keys.map((key) => store.put(key, Buffer.from(key), 0)));
    const reading = store.range('/k/', '/k0');
    for (let n = 0; n < 20; n++) await store.put(`/k/9999${n}`, Buffer.from('later'), 0);
    const { items, count, more, revision } = await reading;
    assert.deepEqual([count, more], [items.length, false]);
    assert.deepEqual(
      items.slice(0, 2500).map(({ key }) => key),
      keys,
    );
    assert.ok(items.every(({ modRevision }) => modRevision <= revision));
    const cut = await store.range('/k/', '/k0', { limit: 1500 });
    assert.deepEqual([cut.items.length, cut.more, cut.count], [1500, true, 2520]);
    await store.close();
  });

  test('after a restart of etcd writes go on, and watches miss nothing', async () => {
    const store = await open();
    const seen: number[] = [];
    store.watch('/', '0', await store.currentRevision(), {
      onEvents: (events) => seen.push(...events.map(({ revision }) => revision)),
      onError,
    });
    const written: number[] = [];
    const write = async (n: number) => {
      const result = await store.put(`/${n}`, Buffer.from('x'), 0);
      assert.ok(result.ok);
      written.push(result.revision);
    };
    await write(1);
    await etcd.stop();
    const during = write(2);
    await etcd.run();
    await during;
    await write(3);
    await until('all events', () => seen.length >= written.length);
    assert.deepEqual(seen, written);
    await store.close();
  });

  test('another endpoint is used when one does not answer; none at all is told with their addresses', async () => {
    const store = await openEtcdStore({ endpoints: ['http://127.0.0.1:1', etcd.url], prefix: '/test/failover' });
    assert.ok((await store.put('/a', Buffer.from('1'), 0)).ok);
    await store.close();
    await assert.rejects(
      openEtcdStore({ endpoints: ['http://127.0.0.1:1', 'http://127.0.0.1:2'], prefix: '/x', timeoutMs: 100 }),
      /cannot reach etcd at http:\/\/127\.0\.0\.1:1: connect ECONNREFUSED 127\.0\.0\.1:1; http:\/\/127\.0\.0\.1:2: /,
    );
  });
});

describe('etcd over TLS', options, () => {
  const keys = mkdtempSync(path.join(tmpdir(), 'etcd-keys-'));
  let etcd: EtcdServer;
  const pem: Record<string, string> = {};
  before(async () => {
    const pki = await ensurePki(keys, {
      names: [],
      addresses: ['127.0.0.1'],
      nodeName: 'etcd',
      nodeAddresses: ['127.0.0.1'],
      clock: systemClock,
    });
    Object.assign(pem, { ca: pki.ca.certificate, cert: pki.apiserver.certificate, key: pki.apiserver.key });
    for (const [name, text] of Object.entries(pem)) writeFileSync(path.join(keys, `${name}.pem`), text);
    Object.assign(pem, {
      clientCert: pki.apiserverKubeletClient.certificate,
      clientKey: pki.apiserverKubeletClient.key,
    });
    const file = (name: string) => path.join(keys, `${name}.pem`);
    const flags = { 'cert-file': file('cert'), 'key-file': file('key'), 'trusted-ca-file': file('ca') };
    etcd = await EtcdServer.start({ scheme: 'https', flags: { ...flags, 'client-cert-auth': 'true' } });
  });
  after(async () => {
    await etcd.remove();
    rmSync(keys, { recursive: true });
  });

  test('a client with the right certificate is served, others learn why not', async () => {
    const { ca, clientCert: cert, clientKey: key } = pem;
    const address = { endpoints: [etcd.url], prefix: '/t', timeoutMs: 2000 };
    const store = await openEtcdStore({ ...address, tls: { ca, cert, key } });
    assert.ok((await store.put('/a', Buffer.from('1'), 0)).ok);
    await store.close();
    await assert.rejects(openEtcdStore({ ...address, tls: { cert, key } }), /unable to|self-signed|verify/);
    await assert.rejects(
      openEtcdStore({ ...address, tls: { ca } }),
      /cannot reach etcd at https:.*(alert|closed|reset)/,
    );
  });
});

function onError(error: Error): never {
  throw error;
}
