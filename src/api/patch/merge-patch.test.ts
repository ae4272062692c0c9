import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from './json-value.ts';
import { applyMergePatch } from './merge-patch.ts';

/** Original, patch and result of RFC 7386 appendix A, as far as both are objects. */
const examples: [JsonObject, JsonObject, JsonObject][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];
for (const [original, patch, result] of examples) {
  test(`RFC 7386: ${JSON.stringify(original)} with ${JSON.stringify(patch)}`, () => {
    assert.deepEqual(applyMergePatch(original, patch), result);
  });
}

test('a merge patch that is no object is a bad request', () => {
  assert.throws(() => applyMergePatch({}, ['c']), { message: /^error decoding patch: json: cannot unmarshal array/ });
});

test('a key called __proto__ stays a key', () => {
  const result = applyMergePatch({}, JSON.parse('{"a":{"__proto__":{"x":1}}}'));
  assert.equal(JSON.stringify(result), '{"a":{"__proto__":{"x":1}}}');
});
