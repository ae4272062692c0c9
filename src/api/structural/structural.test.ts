import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applySchemaDefaults, dropNulls } from './default-values.ts';
import { compileJsonPath } from './json-path.ts';
import type { JsonSchema } from './json-schema.ts';
import { prune } from './prune.ts';
import { schemaErrors } from './validate-schema.ts';
import { validateValue } from './validate-value.ts';

const text = (schema: JsonSchema, value: unknown) =>
  validateValue(schema, value, 'spec.x').map(({ field, message }) => `${field}: ${message}`);

describe('validateValue', () => {
  const rows: [JsonSchema, unknown, string[]][] = [
    [{ type: 'string', maxLength: 2 }, 'abc', ['spec.x: Too long: may not be more than 2 bytes']],
    [{ type: 'string', pattern: '^a' }, 'b', [`spec.x: Invalid value: "b": spec.x in body should match '^a'`]],
    [{ type: 'integer', multipleOf: 2 }, 3, ['spec.x: Invalid value: 3: spec.x in body should be a multiple of 2']],
    [{ type: 'number' }, 3, []],
    [{ type: 'integer' }, 3.5, ['spec.x: Invalid value: "number": spec.x in body must be of type integer: "number"']],
    [
      { 'x-kubernetes-int-or-string': true },
      true,
      ['spec.x: Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean"'],
    ],
    [{ type: 'string', nullable: true }, null, []],
    [
      { type: 'string', format: 'date-time' },
      'now',
      ['spec.x: Invalid value: "now": spec.x in body must be of type date-time: "now"'],
    ],
    [
      { type: 'array', maxItems: 1, items: { type: 'integer' } },
      [1, 2],
      ['spec.x: Too many: 2: must have at most 1 item'],
    ],
    [
      { type: 'object', not: { required: ['a'] } },
      { a: 1 },
      ['<nil>: Invalid value: "": "spec.x" must not validate the schema (not)'],
    ],
  ];
  for (const [schema, value, errors] of rows) {
    it(`${JSON.stringify(value)} by ${JSON.stringify(schema)}`, () => assert.deepEqual(text(schema, value), errors));
  }

  it('does not judge again what has not changed', () => {
    const schema: JsonSchema = { type: 'object', properties: { a: { type: 'integer', maximum: 1 } } };
    assert.deepEqual(validateValue(schema, { a: 5 }, 'spec', { a: 5, b: 1 }), []);
    assert.equal(validateValue(schema, { a: 6 }, 'spec', { a: 5 }).length, 1);
  });
});

describe('structural schemas', () => {
  it('prune unknown fields, but not where they are kept', () => {
    const schema: JsonSchema = {
      type: 'object',
      properties: {
        a: { type: 'object', properties: { b: { type: 'string' } } },
        open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    };
    const value = { apiVersion: 'v', a: { b: '', c: 1 }, open: { z: 1 }, d: [{}] };
    assert.deepEqual(prune(value, schema, true), ['a.c', 'd']);
    assert.deepEqual(value, { apiVersion: 'v', a: { b: '' }, open: { z: 1 } });
  });

  it('default what is absent or null where null is not allowed', () => {
    const schema: JsonSchema = {
      type: 'object',
      properties: {
        a: { type: 'string', default: 'x' },
        b: { type: 'string', default: 'y', nullable: true },
        c: { type: 'object', default: {}, properties: { d: { type: 'integer', default: 1 } } },
        e: { type: 'string' },
      },
    };
    const value = { a: null, b: null, e: null };
    applySchemaDefaults(value, schema);
    dropNulls(value, schema);
    assert.deepEqual(value, { a: 'x', b: null, c: { d: 1 } });
  });

  const bad: [JsonSchema, string][] = [
    [{ type: 'string' }, 's.type: Invalid value: "string": must be object at the root'],
    [
      { type: 'object', properties: { a: { type: 'array' } } },
      's.properties[a].items: Required value: must be specified',
    ],
    [{ type: 'object', additionalProperties: true }, 's.additionalProperties: Forbidden: must not be used at the root'],
    [
      { type: 'object', properties: { a: { type: 'integer', default: 'x' } } },
      's.properties[a].default: Invalid value: "string": s.properties[a].default in body must be of type integer: "string"',
    ],
    [
      { type: 'object', anyOf: [{ properties: { a: { minimum: 1 } } }] },
      's.properties[a]: Required value: because it is defined in s.anyOf[0].properties[a]',
    ],
  ];
  for (const [schema, error] of bad) {
    it(`refuse ${JSON.stringify(schema)}`, () =>
      assert.deepEqual(
        schemaErrors(schema, 's').map(({ field, message }) => `${field}: ${message}`),
        [error],
      ));
  }
});

describe('compileJsonPath', () => {
  const object = {
    a: {
      'b.c': 1,
      list: [
        { n: 'x', v: 1 },
        { n: 'y', v: 2 },
      ],
    },
  };
  const rows: [string, unknown[]][] = [
    ['.a.list[0].v', [1]],
    ['.a.list[-1].v', [2]],
    ['.a.list[*].v', [1, 2]],
    ['.a.list[?(@.n=="y")].v', [2]],
    ["{.a['b.c']}", [1]],
    ['.a.b\\.c', [1]],
    ['..v', [1, 2]],
    ['.none.at.all', []],
  ];
  for (const [path, found] of rows) it(path, () => assert.deepEqual(compileJsonPath(path)(object), found));
});
