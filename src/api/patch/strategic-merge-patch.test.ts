import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatusError } from '../status-error.ts';
import type { JsonObject } from './json-value.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

const containers = (...list: unknown[]) => ({ spec: { containers: list } });

const cases: { what: string; type?: string; original: JsonObject; patch: JsonObject; result: JsonObject }[] = [
  {
    what: 'a container merges by name and new ones come first in the order of the patch',
    original: containers({ name: 'a', image: '1' }, { name: 'b', image: '1' }),
    patch: containers({ name: 'c', image: '2' }, { name: 'a', image: '2' }),
    result: containers({ name: 'c', image: '2' }, { name: 'a', image: '2' }, { name: 'b', image: '1' }),
  },
  {
    what: '$patch: delete takes an element out',
    original: containers({ name: 'a' }, { name: 'b' }),
    patch: containers({ name: 'a', $patch: 'delete' }),
    result: containers({ name: 'b' }),
  },
  {
    what: '$patch: replace makes the patch the whole list',
    original: containers({ name: 'a' }, { name: 'b' }),
    patch: containers({ name: 'z' }, { $patch: 'replace' }),
    result: containers({ name: 'z' }),
  },
  {
    what: '$patch: replace in a map drops what it does not say',
    original: { metadata: { labels: { a: '1', b: '2' } } },
    patch: { metadata: { labels: { c: '3', $patch: 'replace' } } },
    result: { metadata: { labels: { c: '3' } } },
  },
  {
    what: 'null removes and maps merge',
    original: { metadata: { labels: { a: '1', b: '2' } } },
    patch: { metadata: { labels: { a: null, c: '3', d: null } } },
    result: { metadata: { labels: { b: '2', c: '3' } } },
  },
  {
    what: '$setElementOrder orders a merged list and keeps what only the server has',
    original: containers({ name: 'a' }, { name: 'b' }, { name: 's' }),
    patch: {
      spec: {
        '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
        containers: [{ name: 'a', image: '2' }],
      },
    },
    result: containers({ name: 'b' }, { name: 'a', image: '2' }, { name: 's' }),
  },
  {
    what: '$deleteFromPrimitiveList takes values out of a merged list of primitives',
    original: { metadata: { finalizers: ['a', 'b', 'c'] } },
    patch: { metadata: { '$deleteFromPrimitiveList/finalizers': ['b'], finalizers: ['d', 'a'] } },
    result: { metadata: { finalizers: ['d', 'a', 'c'] } },
  },
  {
    what: '$retainKeys clears the other members of a union',
    type: 'apps/v1.Deployment',
    original: { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
    patch: { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    result: { spec: { strategy: { type: 'Recreate' } } },
  },
  {
    what: 'volumes merge by name and retain only the keys that the patch names',
    original: { spec: { volumes: [{ name: 'v', hostPath: { path: '/' } }] } },
    patch: { spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'emptyDir'], emptyDir: {} }] } },
    result: { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
  },
  {
    what: 'a list without a merge strategy is replaced',
    original: containers({ name: 'a', args: ['x', 'y'] }),
    patch: containers({ name: 'a', args: ['z'] }),
    result: containers({ name: 'a', args: ['z'] }),
  },
  {
    what: 'directives and nulls in new parts leave no trace',
    original: {},
    patch: {
      spec: {
        '$setElementOrder/containers': [{ name: 'a' }],
        containers: [
          { name: 'a', image: null },
          { name: 'b', $patch: 'delete' },
        ],
      },
    },
    result: containers({ name: 'a' }),
  },
];
for (const { what, type = 'core/v1.Pod', original, patch, result } of cases) {
  test(`strategic merge patch: ${what}`, () => {
    const before = JSON.stringify([original, patch]);
    assert.deepEqual(applyStrategicMergePatch(type, original, patch), result);
    assert.equal(JSON.stringify([original, patch]), before, 'inputs stay as they are');
  });
}

const refusals: [string, JsonObject, number, string][] = [
  [
    'an element without its merge key',
    containers({ image: '2' }),
    500,
    'map: map[image:2] does not contain declared merge key: name',
  ],
  ['an unknown directive', { metadata: { $patch: 'frob' } }, 500, 'unknown patch type: frob in map: map[$patch:frob]'],
  ['a bad $retainKeys', { metadata: { $retainKeys: 'x' } }, 400, 'invalid patch format of retainKeys'],
  [
    'a directive without a field',
    { metadata: { '$deleteFromPrimitiveList:x': ['a'] } },
    400,
    'invalid patch format of primitive list',
  ],
];
for (const [what, patch, code, message] of refusals) {
  test(`strategic merge patch refuses ${what}`, () => {
    const original = { metadata: { name: 'x' }, ...containers({ name: 'a' }) };
    assert.throws(
      () => applyStrategicMergePatch('core/v1.Pod', original, patch),
      (error: StatusError) => {
        assert.equal(error.message, message);
        assert.equal(error.code, code);
        return true;
      },
    );
  });
}
