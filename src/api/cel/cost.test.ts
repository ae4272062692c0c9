import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../object.ts';
import type { JsonSchema } from '../structural/json-schema.ts';
import { compileMetered, dynamicEnvironment } from './load.ts';
import { Ledger, ledgerKey } from './meter.ts';
import { ruleErrors } from './rule-checks.ts';
import { compileRules } from './schema-rules.ts';
import { toCel } from './values.ts';

const text: JsonSchema = { type: 'string' };
const integer: JsonSchema = { type: 'integer' };
const listOf = (items: JsonSchema, more: JsonSchema = {}): JsonSchema => ({ type: 'array', items, ...more });

function costOf(expression: string, self: unknown): number {
  const run = compileMetered(dynamicEnvironment(['self']), expression);
  // Twice: a first evaluation must not replace what counts.
  const [first, second] = [new Ledger(), new Ledger()];
  run({ self: toCel(self), [ledgerKey]: first });
  run({ self: toCel(self), [ledgerKey]: second });
  assert.equal(first.spent, second.spent, 'the second evaluation costs as much as the first');
  return first.spent;
}

describe('what evaluations cost (cel-go interpreter/runtimecost_test.go)', () => {
  const cases: [expression: string, self: unknown, cost: number][] = [
    ['self', true, 1],
    ['self.a', { a: 1 }, 2],
    ['self.a.b == 1', { a: { b: 1 } }, 4],
    ['has(self.a.b)', { a: { b: 1 } }, 2],
    ['1 + 2 == 3', null, 2],
    ['self == "x"', 'x'.repeat(25), 2],
    ['self + self == ""', 'x'.repeat(100), 1 + 1 + 20 + 1],
    ['self.contains("a")', 'x'.repeat(100), 1 + 10],
    ['self.matches("[a-z]+")', 'x'.repeat(100), 1 + 11 * 2],
    ['self.all(x, true)', [1, 2, 3], 1 + 1 + 9],
    ['self.exists(x, x == 2)', [1, 2, 3], 1 + 1 + 2 * (4 + 2)],
    ['self.map(x, x)', [1, 2], 1 + 11 + 2 * (12 + 1)],
    ['self.filter(x, x > 1)', [1, 2], 1 + 11 + 2 * 2 + 1 + 13],
    ['self ? [1, self] : []', true, 1 + 10 + 1],
    ['cel.bind(y, self, y)', 5, 1 + 1 + 1],
    ['sets.contains(self, [1, 2])', [1, 2, 3], 1 + 6],
  ];
  for (const [expression, self, cost] of cases)
    it(`${expression} costs ${cost}`, () => assert.equal(costOf(expression, self), cost));

  it('ends what costs too much', () => {
    const run = compileMetered(dynamicEnvironment(['self']), 'self.all(a, self.all(b, self.all(c, true)))');
    const ledger = new Ledger();
    assert.throws(
      () => run({ self: toCel(Array.from({ length: 100 }, (_, i) => i)), [ledgerKey]: ledger }),
      /operation cancelled: actual cost limit exceeded/,
    );
    assert.ok(ledger.spent < 2_000_000);
  });
});

const advice =
  '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';

/** Messages about a rule that stands at a field `list` of this schema. */
function messages(schema: JsonSchema, rule: string, more: object = {}): string[] {
  const root: JsonSchema = {
    type: 'object',
    properties: { field: { ...schema, 'x-kubernetes-validations': [{ rule, ...more }] } },
  };
  return ruleErrors(root, 'spec').map(({ field, message }) => `${field}: ${message}`);
}

describe('what rules are estimated to cost (apiextensions pkg/apis/apiextensions/validation)', () => {
  const place = 'spec.properties[field].x-kubernetes-validations[0]';

  it('lets pass what a request can hold', () => {
    assert.deepEqual(messages(listOf(integer), 'self.all(x, true)'), []);
    assert.deepEqual(messages(text, 'self.startsWith("a")'), []);
  });

  it('refuses lists within lists without limits', () => {
    assert.deepEqual(messages(listOf(integer), 'self.all(x, self.all(y, x == y))'), [
      `${place}.rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${advice}`,
      `${place}.rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
      `spec: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${advice}`,
    ]);
    assert.deepEqual(messages(listOf(integer, { maxItems: 100 }), 'self.all(x, self.all(y, x == y))'), []);
  });

  it('says by how much', () => {
    const twice = 'self.all(x, x == 1 && x != 2 && x > 0 && x < 9)';
    assert.deepEqual(messages(listOf(integer), twice), [
      `${place}.rule: Forbidden: estimated rule cost exceeds budget by factor of 1.7x ${advice}`,
    ]);
  });

  it('multiplies by how often the place can be there', () => {
    const inner = { ...listOf(integer), 'x-kubernetes-validations': [{ rule: 'self.all(x, true)' }] };
    const outer = (more: JsonSchema): JsonSchema => ({
      type: 'object',
      properties: { field: listOf(inner, more) },
    });
    assert.match(ruleErrors(outer({}), 'spec')[0]!.message!, /exceeds budget by factor of more than 100x/);
    assert.deepEqual(ruleErrors(outer({ maxItems: 2 }), 'spec'), []);
  });

  it('knows nothing of the length of what a number is printed as', () => {
    assert.deepEqual(messages(integer, 'self > 0', { messageExpression: `'bad: ' + string(self)` }).slice(0, 1), [
      `${place}.messageExpression: Forbidden: estimated messageExpression cost exceeds budget by factor of more than 100x ${advice}`,
    ]);
    assert.deepEqual(messages(integer, 'self > 0', { messageExpression: `'bad: %d'.format([self])` }), []);
  });

  it('refuses rules about what was, where nobody knows which one it was', () => {
    const item: JsonSchema = { ...integer, 'x-kubernetes-validations': [{ rule: 'self >= oldSelf' }] };
    const root = { type: 'object', properties: { list: listOf(item) } };
    assert.deepEqual(
      ruleErrors(root, 'spec').map(({ message }) => message),
      [
        'Invalid value: "self >= oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within spec.properties[list]',
      ],
    );
  });

  it('refuses paths to fields that are not there', () => {
    assert.deepEqual(messages({ type: 'object', properties: { a: text } }, 'true', { fieldPath: '.a' }), []);
    assert.match(
      messages({ type: 'object', properties: { a: text } }, 'true', { fieldPath: '.b' })[0]!,
      /fieldPath: Invalid value: ".b": fieldPath must be a valid path/,
    );
  });
});

describe('rules that run out of budget (apiextensions-apiserver pkg/apiserver/schema/cel)', () => {
  const judge = (schema: JsonSchema, object: object) =>
    compileRules(schema)(object as KubeObject, undefined).map(({ message }) => message);

  it('stops at a call that costs too much', () => {
    const rules = [{ rule: 'self.list.all(x, self.list.all(y, x + y < 1000000))' }, { rule: 'false' }];
    const list = Array.from({ length: 1000 }, (_, i) => i);
    assert.deepEqual(judge({ type: 'object', 'x-kubernetes-validations': rules }, { list }), [
      `Invalid value: "object": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: ${rules[0]!.rule}`,
    ]);
  });

  it('stops when all calls together cost too much', () => {
    const rule = 'self.list.all(x, self.list.all(y, x + y < 1000000))';
    const item: JsonSchema = {
      type: 'object',
      properties: { list: listOf(integer) },
      'x-kubernetes-validations': [{ rule }],
    };
    const list = Array.from({ length: 300 }, (_, i) => i);
    const object = { items: Array.from({ length: 30 }, () => ({ list })) };
    const schema: JsonSchema = { type: 'object', properties: { items: listOf(item) } };
    assert.deepEqual(judge(schema, object), [
      'Invalid value: "object": validation failed due to running out of cost budget, no further validation rules will be run',
    ]);
  });
});
