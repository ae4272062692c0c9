import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../object.ts';
import type { JsonSchema } from '../structural/json-schema.ts';
import { compileRules } from './schema-rules.ts';

/** How an update is judged: errors and warnings, in that order. */
function judge(spec: JsonSchema, object: object, old: object) {
  const schema: JsonSchema = { type: 'object', properties: { spec: { type: 'object', ...spec } } };
  const warnings: string[] = [];
  const of = (value: object) => ({ metadata: { name: 'x' }, spec: value }) as unknown as KubeObject;
  const errors = compileRules(schema)(of(object), of(old), (message) => void warnings.push(message));
  return [errors.map(({ field, message }) => `${field}: ${message}`), warnings];
}
const small = (type: string): JsonSchema => ({
  type,
  'x-kubernetes-validations': [{ rule: 'self < 5', message: 'big' }],
});
const told = (path: string) => `${path}: Invalid value: "integer": big`;

test('what was wrong before is told of, and let be', () => {
  const spec = { properties: { a: small('integer'), b: small('integer') } };
  assert.deepEqual(judge(spec, { a: 9, b: 1 }, { a: 9, b: 2 }), [[], [told('spec.a')]]);
  assert.deepEqual(judge(spec, { a: 8 }, { a: 9 }), [[told('spec.a')], []]);
  assert.deepEqual(judge(spec, { a: 9 }, {}), [[told('spec.a')], []]);
});

test('items that cannot be told apart go by their list', () => {
  const spec = { properties: { list: { type: 'array', items: small('integer') }, b: { type: 'integer' } } };
  assert.deepEqual(judge(spec, { list: [9], b: 1 }, { list: [9], b: 2 }), [[], [told('spec.list[0]')]]);
  assert.deepEqual(judge(spec, { list: [9, 1] }, { list: [9] }), [[told('spec.list[0]')], []]);
});

test('rules on changes, and rules that fail to run, let nothing be', () => {
  const rule = (text: string) => ({
    properties: { a: { type: 'integer', 'x-kubernetes-validations': [{ rule: text }] } },
  });
  assert.equal(judge(rule('self > oldSelf'), { a: 1 }, { a: 1 })[0]!.length, 1);
  assert.equal(judge(rule('1 / (self - 1) > 0'), { a: 1 }, { a: 1 })[0]!.length, 1);
});
