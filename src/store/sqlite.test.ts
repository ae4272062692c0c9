import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/cluster/fixture/until.ts';
import { checkStore } from './check.ts';
import { openSqliteStore } from './sqlite.ts';
import { storeSuite } from './store.suite.ts';
import { CompactedError, type Store, type StoreEvent } from './store.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'store-'));
after(() => rmSync(directory, { recursive: true }));
let files = 0;
const newFile = () => path.join(directory, `${++files}.db`);
const value = Buffer.alloc(1024, 1);

storeSuite('sqlite', () => openSqliteStore({ file: newFile() }));

test('a reopened store has its keys, revision, history and compaction', async () => {
  const file = newFile();
  let store = await openSqliteStore({ file });
  let revision = await write(store, 'a', 0);
  for (let n = 0; n < 20; n++) revision = await write(store, 'a', revision);
  await store.compact(revision - 5);
  await store.delete('a', revision);
  const last = await store.currentRevision();
  await store.close();
  await assert.rejects(store.get('a'), /is closed/);

  store = await openSqliteStore({ file });
  assert.equal(await store.currentRevision(), last);
  assert.equal(await store.get('a'), undefined);
  await assert.rejects(store.range('a', 'b', { revision: revision - 6 }), CompactedError);
  const events: StoreEvent[] = [];
  store.watch('a', 'b', revision - 5, { onEvents: (batch) => events.push(...batch), onError: assert.fail });
  await until('six events', () => events.length === 6);
  assert.equal(events.at(-1)?.type, 'delete');
  // The newest row is a deletion, which compaction removes: the revision must not go back.
  await store.compact(last);
  await until('no rows', () => checkStore(file).rows === 0);
  await store.close();
  store = await openSqliteStore({ file });
  assert.equal(await store.currentRevision(), last);
  assert.equal(await write(store, 'a', 0), last + 1);
  await store.close();
});

test('writes one after the other, short and long, are answered in order, whoever joins in', async () => {
  const store = await openSqliteStore({ file: newFile() });
  const seen: number[] = [];
  store.watch('r', 's', 1, {
    onEvents: (batch) => seen.push(...batch.map(({ revision }) => revision)),
    onError: assert.fail,
  });
  let revision = 0;
  for (let n = 0; n < 60; n++) {
    // Longer than the mailbox is, so that the reply with the one before goes another way.
    const next = Buffer.alloc(n % 20 < 12 ? 1000 + n : 300_000 + n, n);
    store.expectWrite?.();
    const write = store.put('r', next, revision);
    const others = n % 15 === 14 ? [store.get('r'), store.put(`q${n}`, value, 0)] : [];
    const result = await write;
    await Promise.all(others);
    assert.ok(result.ok);
    revision = result.revision;
    assert.equal(seen.at(-1), revision);
    if (n % 10 === 9) assert.deepEqual(Buffer.from((await store.get('r'))!.value), next);
  }
  assert.equal(seen.length, 60);
  await store.close();
});

test('a time to live that ends while the store is closed ends when it is opened', async () => {
  const file = newFile();
  let store = await openSqliteStore({ file });
  await store.put('t', value, 0, { ttlSeconds: 0.05 });
  await store.close();
  await sleep(80);
  store = await openSqliteStore({ file });
  for (let tries = 0; (await store.get('t')) && tries < 100; tries++) await sleep(5);
  assert.equal(await store.get('t'), undefined);
  await store.close();
  assert.deepEqual(checkStore(file).problems, []);
});

test('compaction gives space back to the file system while writers go on', async () => {
  const file = newFile();
  const store = await openSqliteStore({ file });
  const writer = async (key: string) => {
    let revision = 0;
    for (let n = 0; n < 1000; n++) revision = await write(store, key, revision);
  };
  await Promise.all(Array.from({ length: 20 }, (_, n) => writer(`k${n}`)));
  const before = statSync(file).size;
  await store.compact(await store.currentRevision());
  await writer('other');
  await until('few rows', () => checkStore(file).rows <= 1020);
  await sleep(1500);
  await store.close();
  assert.ok(statSync(file).size < before / 3, `${before} -> ${statSync(file).size}`);
  assert.deepEqual(checkStore(file).problems, []);
});

test('check finds damage', async () => {
  const file = newFile();
  const store = await openSqliteStore({ file });
  let revision = 0;
  for (let n = 0; n < 5; n++) revision = await write(store, 'a', revision);
  await store.close();
  assert.deepEqual(checkStore(file), { problems: [], revision: 6, compactRevision: 0, keys: 1, rows: 5 });
  const database = new DatabaseSync(file);
  database.exec('DELETE FROM history WHERE revision = 4');
  database.close();
  const { problems } = checkStore(file);
  assert.match(problems.join('\n'), /gap before: a at revision 5/);
  assert.match(problems.join('\n'), /replaced row is missing.*: a at revision 5/);
});

test('a file that is something else is refused and left alone', async () => {
  const file = newFile();
  writeFileSync(file, 'this is not a database at all, but a text of some length');
  await assert.rejects(openSqliteStore({ file }), /store .* failed/);
  const other = newFile();
  const database = new DatabaseSync(other);
  database.exec('CREATE TABLE mine (a)');
  database.close();
  await assert.rejects(openSqliteStore({ file: other }), (error: Error) => /not a store/.test(String(error.cause)));
});

async function write(store: Store, key: string, expected: number): Promise<number> {
  const result = await store.put(key, value, expected);
  assert.ok(result.ok);
  return result.revision;
}
