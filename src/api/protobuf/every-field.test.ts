import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mustTypeFacts, type ParsedType, type ScalarName } from '../facts.ts';
import { apiVersionOf, builtinResources } from '../resource.ts';
import { decodeProtobuf, encodeProtobuf } from './envelope.ts';

/** Deep enough for every struct of a Pod; schemas of CRDs contain themselves without end and have a test of their own. */
const maxDepth = 8;

const values: Record<ScalarName, unknown> = {
  string: 's',
  bool: true,
  int32: -5,
  int64: 2 ** 40,
  double: 1.5,
  bytes: 'AAEC',
  byte: 1,
  quantity: '100m',
  intOrString: 8080,
  raw: { a: [1] },
  json: { type: 'string' },
  time: '2024-01-01T00:00:00Z',
  microTime: '2024-01-01T00:00:00.000001Z',
  duration: 1,
  fieldsV1: { 'f:a': {} },
};

/** A value of the type with every field set and two elements in every list and map. */
function filled(type: ParsedType, depth = 0): unknown {
  if (type.kind === 'scalar') return values[type.name];
  if (type.kind !== 'struct') {
    if (depth >= maxDepth) return undefined;
    const [a, b] = [filled(type.of, depth + 1), filled(type.of, depth + 1)];
    return type.kind === 'list' ? [a, b] : { b, a };
  }
  const object: Record<string, unknown> = {};
  if (depth >= maxDepth) return object;
  for (const field of mustTypeFacts(type.name).fields.values()) {
    if (!field.typeMeta) object[field.name] = filled(field.parsed, depth + 1);
  }
  return object;
}

for (const info of builtinResources) {
  if (!info.type || info.kind === 'CustomResourceDefinition') continue;
  test(`a ${info.kind} of ${apiVersionOf(info)} with every field set comes back as it was`, () => {
    const apiVersion = apiVersionOf(info);
    const object = JSON.parse(JSON.stringify(filled({ kind: 'struct', name: info.type })));
    const back = decodeProtobuf(encodeProtobuf(info.type, apiVersion, info.kind, object));
    assert.deepEqual(back.object, { apiVersion, kind: info.kind, ...object });
  });
}
