import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { conformanceTests } from '../conformance/fixture/conformance.ts';
import { root, sourceFiles } from './source-files.ts';

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

test('the README says how many conformance tests have a counterpart', () => {
  const text = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
  for (const [group, names] of Object.entries(conformanceTests)) {
    const have = names.filter((name) => counterparts.includes(name)).length;
    const told = new RegExp(`\\| ${group} \\| (\\d+) of (\\d+) \\|`).exec(text)?.slice(1).map(Number);
    assert.deepEqual(
      told,
      [have, names.length],
      `${group}: "| ${group} | ${have} of ${names.length} |" is to be in the README`,
    );
  }
});
