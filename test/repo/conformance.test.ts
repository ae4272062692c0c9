import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { sourceFiles } from './source-files.ts';

/** The names in the tests; each is written out as a literal, so that it can be found. */
const counterparts = sourceFiles('test/conformance').flatMap((file) =>
  [...fs.readFileSync(file, 'utf8').matchAll(/\bconformance\(\s*(?:'((?:[^'\\]|\\.)*)'|"([^"]*)")/g)].map(
    ([, single, double]) => single?.replaceAll("\\'", "'") ?? double ?? '',
  ),
);

test('no conformance test has two counterparts', () => {
  assert.deepEqual(
    counterparts.filter((name, i) => counterparts.indexOf(name) !== i),
    [],
  );
});
