import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mergeV2 } from './merge-v2.ts';

const reference = (name: string) => ({ schema: { $ref: `#/definitions/${name}` } });
const own = { paths: { '/api/': {} }, definitions: { Status: { type: 'object' } }, parameters: {} };

describe('OpenAPI v2 of an extension server', () => {
  it('brings its paths and what they refer to, and nothing else', () => {
    const other = {
      paths: { '/apis/a.io/v1/things': reference('Thing'), '/apis/b.io/v1/others': reference('Other'), '/version': {} },
      definitions: { Thing: { items: { $ref: '#/definitions/Part' } }, Part: { type: 'string' }, Other: {} },
    };
    const merged = mergeV2(own, other, '/apis/a.io/v1');
    assert.deepEqual(Object.keys(merged.paths as object).sort(), ['/api/', '/apis/a.io/v1/things']);
    assert.deepEqual(Object.keys(merged.definitions as object).sort(), ['Part', 'Status', 'Thing']);
    assert.deepEqual(Object.keys(own.definitions), ['Status']);
  });

  it('gives another name to a definition that means something else', () => {
    const other = {
      paths: { '/apis/a.io/v1/things': reference('Thing') },
      definitions: { Thing: { items: { $ref: '#/definitions/Status' } }, Status: { type: 'string' } },
    };
    const merged = mergeV2(own, other, '/apis/a.io/v1');
    const definitions = merged.definitions as Record<string, unknown>;
    assert.deepEqual(definitions.Status, { type: 'object' });
    assert.deepEqual(definitions.Status_v2, { type: 'string' });
    assert.deepEqual(definitions.Thing, { items: { $ref: '#/definitions/Status_v2' } });
  });

  it('ends although definitions refer to themselves', () => {
    const other = {
      paths: { '/apis/a.io/v1/x': reference('Tree') },
      definitions: { Tree: { items: { $ref: '#/definitions/Tree' } } },
    };
    assert.ok((mergeV2(own, other, '/apis/a.io/v1').definitions as Record<string, unknown>).Tree);
  });
});
