import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '../api/generated/core-v1.ts';
import { fuzz } from '../base/testing/fuzz.ts';
import { AlikeObjects, alike } from './alike.ts';

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value));

test('equal parts become one, and nothing else changes', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (one, other) => {
      const [value, like] = [copy(one), copy(other)];
      assert.deepEqual(alike(value, like), copy(one));
      assert.deepEqual([value, like], [one, other].map(copy));
      const nested = copy({ a: one, b: [other, 'x', one], c: 1 });
      const model = copy({ c: 2, a: one, b: [other, 'y', one] });
      assert.notEqual(alike(nested, model), model);
      assert.deepEqual(nested, copy({ a: one, b: [other, 'x', one], c: 1 }));
      assert.equal(nested.a, model.a);
      assert.equal(nested.b[2], model.b[2]);
      assert.equal(alike(copy(model), model), model);
    }),
    fuzz(100),
  );
});

const pod = (name: string, owner: string, resourceVersion: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    uid: name,
    creationTimestamp: '2026-01-01T00:00:00Z',
    namespace: 'default',
    resourceVersion,
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }],
  },
  spec: { containers: [{ name: 'main', image: `registry/${owner}`, env: [{ name: 'NAME', value: 'of all' }] }] },
});

test('Pods of one owner share their spec, also when others come in between; so do versions of a Pod', () => {
  const objects = new AlikeObjects();
  const [a1, b1, a2, b2] = [pod('a-1', 'a', '1'), pod('b-1', 'b', '2'), pod('a-2', 'a', '3'), pod('b-2', 'b', '4')];
  for (const object of [a1, b1, a2, b2]) objects.share(object, undefined);
  assert.equal(a1.spec, a2.spec);
  assert.equal(b1.spec, b2.spec);
  assert.notEqual(a1.spec, b1.spec);
  assert.deepEqual(
    [a1, b1, a2, b2].map(({ metadata }) => metadata.name),
    ['a-1', 'b-1', 'a-2', 'b-2'],
  );
  const newer = pod('a-1', 'a', '5');
  objects.share(newer, a1);
  assert.equal(newer.spec, a1.spec);
  assert.equal(newer.metadata.resourceVersion, '5');
});

test('models are forgotten, oldest first', () => {
  const objects = new AlikeObjects();
  const first = pod('a-1', 'owner-0', '1');
  objects.share(first, undefined);
  for (let n = 1; n <= 100; n++) objects.share(pod('other', `owner-${n}`, '1'), undefined);
  const late = pod('a-2', 'owner-0', '2');
  objects.share(late, undefined);
  assert.notEqual(late.spec, first.spec);
});
