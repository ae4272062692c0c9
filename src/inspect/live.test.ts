import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveEncoder } from './live-encoder.ts';
import type { LiveTables } from './live-tables.ts';
import type { LiveObject } from './live-types.ts';

const pod = (id: string, status: string): LiveObject => ({
  id,
  kind: 'Pod',
  namespace: 'default',
  name: id,
  status,
  health: 'good',
  createdAtMs: 0,
  path: '/',
});
const tables = (...objects: LiveObject[]): LiveTables => ({ objects, containers: [], processes: [] });

test('a delta has what is new or changed, whole, and the ids of what is gone', () => {
  const encoder = new LiveEncoder();
  encoder.delta(1, tables(pod('a', 'Pending'), pod('b', 'Running'), pod('c', 'Running')));
  const delta = JSON.parse(encoder.delta(2, tables(pod('a', 'Running'), pod('b', 'Running'), pod('d', 'Pending'))));
  assert.deepEqual(
    delta.objects.map(({ id, status }: LiveObject) => `${id} ${status}`),
    ['a Running', 'd Pending'],
  );
  assert.deepEqual(delta.gone, ['c']);
  assert.equal(delta.takenAtMs, 2);
});

test('who comes later gets the last reading whole', () => {
  const encoder = new LiveEncoder();
  encoder.delta(1, tables(pod('a', 'Pending')));
  encoder.delta(2, tables(pod('a', 'Running'), pod('"<script>', 'Running')));
  const host = { hostname: 'h', cluster: 'c', cpus: 1, memoryBytes: 1, bootTimeMs: 0, cgroups: 'v2' };
  const whole = JSON.parse(encoder.snapshot(host));
  assert.equal(whole.schema, 'vitrine/live/v1');
  assert.deepEqual(
    whole.objects.map(({ id }: LiveObject) => id),
    ['a', '"<script>'],
  );
});
