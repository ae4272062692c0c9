import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SqliteEngine } from './sqlite-engine.ts';

const value = Buffer.from('v');
const put = (engine: SqliteEngine, key: string, bytes: Uint8Array, expected: number, expiresMs: number | null) =>
  engine.put(key, bytes, { expected, expiresMs, guard: undefined });

test('a rolled back transaction leaves rows, revision, expiry and compaction as they were', () => {
  const engine = new SqliteEngine(':memory:');
  engine.begin();
  put(engine, 'a', value, 0, 5000);
  engine.commit();
  const before = engine.revision;
  engine.begin();
  put(engine, 'a', Buffer.from('w'), before, null);
  put(engine, 'b', value, 0, 1000);
  engine.compact(before + 1);
  engine.rollback();
  assert.equal(engine.revision, before);
  assert.deepEqual([Buffer.from(engine.get('a')!.value).toString(), engine.get('b')], ['v', undefined]);
  assert.equal(engine.nextExpiry(), 5000);
  assert.equal(engine.range('a', 'c', { revision: before }, () => {}).count, 1);
  engine.begin();
  assert.equal(put(engine, 'b', value, 0, null).change?.revision, before + 1);
  engine.commit();
  engine.close();
});

test('a lost compare-and-swap leaves the expiry of the key in place', () => {
  const engine = new SqliteEngine(':memory:');
  engine.begin();
  put(engine, 'a', value, 0, 5000);
  assert.equal(put(engine, 'a', value, 77, null).change, undefined);
  engine.commit();
  assert.equal(engine.nextExpiry(), 5000);
  engine.begin();
  assert.deepEqual(engine.expire(4999, 10), []);
  assert.deepEqual(
    engine.expire(5000, 10).map((change) => change.key),
    ['a'],
  );
  engine.commit();
  assert.equal(engine.nextExpiry(), undefined);
  engine.close();
});

test('compaction is swept in steps until one row a key is left', () => {
  const engine = new SqliteEngine(':memory:');
  engine.begin();
  for (let n = 0, revision = 0; n < 3500; n++) revision = put(engine, 'a', value, revision, null).change!.revision;
  engine.compact(engine.revision);
  engine.commit();
  let steps = 0;
  while (engine.sweep()) steps++;
  assert.ok(steps >= 4, `${steps} steps`);
  let rows = 0;
  engine.replay('a', 'b', engine.revision, 10, () => rows++);
  assert.equal(rows, 0);
  assert.equal(engine.get('a')?.modRevision, engine.revision);
  engine.close();
});
