import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseDatastore } from './datastore.ts';

const here = { endpoints: ['http://127.0.0.1:2379'] };
const moved = { endpoints: ['https://10.0.0.1:2379'], caFile: '/ca.pem' };

test('a new cluster on etcd gets a prefix of its own, one without etcd is on SQLite', () => {
  const one = chooseDatastore('a', here, undefined);
  assert.match(one!.prefix, /^\/vitrine\/a-[0-9a-f]{8}$/);
  assert.notEqual(chooseDatastore('a', here, undefined)!.prefix, one!.prefix);
  assert.equal(chooseDatastore('a', undefined, undefined), undefined);
});

test('a cluster keeps its datastore and its keys, also when etcd has moved', () => {
  const datastore = { ...here, prefix: '/vitrine/a-1' };
  assert.deepEqual(chooseDatastore('a', undefined, { datastore }), datastore);
  assert.deepEqual(chooseDatastore('a', moved, { datastore }), { ...moved, prefix: '/vitrine/a-1' });
  assert.equal(chooseDatastore('a', undefined, {}), undefined);
  assert.throws(() => chooseDatastore('a', here, {}), /cluster "a" keeps its objects in SQLite since its first start/);
});
