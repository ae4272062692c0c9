import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatusError } from '../status-error.ts';
import { applyJsonPatch } from './json-patch.ts';
import type { JsonObject } from './json-value.ts';

/** Section of RFC 6902 (appendix A), document, patch, result. */
const examples: [string, JsonObject, unknown[], JsonObject][] = [
  [
    'A.1 adding an object member',
    { foo: 'bar' },
    [{ op: 'add', path: '/baz', value: 'qux' }],
    { baz: 'qux', foo: 'bar' },
  ],
  [
    'A.2 adding an array element',
    { foo: ['bar', 'baz'] },
    [{ op: 'add', path: '/foo/1', value: 'qux' }],
    { foo: ['bar', 'qux', 'baz'] },
  ],
  ['A.3 removing an object member', { baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
  [
    'A.4 removing an array element',
    { foo: ['bar', 'qux', 'baz'] },
    [{ op: 'remove', path: '/foo/1' }],
    { foo: ['bar', 'baz'] },
  ],
  [
    'A.5 replacing a value',
    { baz: 'qux', foo: 'bar' },
    [{ op: 'replace', path: '/baz', value: 'boo' }],
    { baz: 'boo', foo: 'bar' },
  ],
  [
    'A.6 moving a value',
    { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
    [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
    { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } },
  ],
  [
    'A.7 moving an array element',
    { foo: ['all', 'grass', 'cows', 'eat'] },
    [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
    { foo: ['all', 'cows', 'eat', 'grass'] },
  ],
  [
    'A.8 testing a value: success',
    { baz: 'qux', foo: ['a', 2, 'c'] },
    [
      { op: 'test', path: '/baz', value: 'qux' },
      { op: 'test', path: '/foo/1', value: 2 },
    ],
    { baz: 'qux', foo: ['a', 2, 'c'] },
  ],
  [
    'A.10 adding a nested member object',
    { foo: 'bar' },
    [{ op: 'add', path: '/child', value: { grandchild: {} } }],
    { foo: 'bar', child: { grandchild: {} } },
  ],
  ['A.14 ~ escape ordering', { '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
  [
    'A.16 adding an array value',
    { foo: ['bar'] },
    [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }],
    { foo: ['bar', ['abc', 'def']] },
  ],
  [
    '4.3, as the server has it: replacing what is not there adds it',
    { a: 1 },
    [{ op: 'replace', path: '/b', value: 2 }],
    { a: 1, b: 2 },
  ],
  ['4.5 copy', { a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }], { a: { b: 1 }, c: { b: 1 } }],
];
for (const [section, document, patch, result] of examples) {
  test(`RFC 6902 ${section}`, () => {
    const before = JSON.stringify(document);
    assert.deepEqual(applyJsonPatch(document, patch), result);
    assert.equal(JSON.stringify(document), before, 'the original stays as it is');
  });
}

const refusals: [string, unknown, number, string | undefined][] = [
  [
    'A.9 a test that fails',
    [{ op: 'test', path: '/baz', value: 'bar' }],
    422,
    'testing value /baz failed: test failed',
  ],
  [
    'A.12 adding to a nonexistent target',
    [{ op: 'add', path: '/no/bat', value: 1 }],
    422,
    'add operation does not apply: doc is missing path: "/no/bat": missing value',
  ],
  [
    'removing what is not there',
    [{ op: 'remove', path: '/no' }],
    422,
    'remove operation does not apply: doc is missing key: /no: missing value',
  ],
  ['an unknown operation', [{ op: 'frob', path: '/a' }], 422, 'Unexpected kind: frob'],
  ['a patch that is an object', { op: 'add' }, 400, undefined],
];
for (const [what, patch, code, cause] of refusals) {
  test(`RFC 6902: ${what} is answered with ${code}`, () => {
    assert.throws(
      () => applyJsonPatch({ baz: 'qux' }, patch),
      (error: StatusError) => {
        assert.equal(error.code, code);
        if (code === 422) assert.equal(error.message, 'the server rejected our request due to an error in our request');
        if (cause) assert.equal((error.cause as Error).message, cause);
        return true;
      },
    );
  });
}
