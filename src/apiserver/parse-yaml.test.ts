import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYaml } from './parse-yaml.ts';

test('YAML is read as gopkg.in/yaml.v2 reads it', () => {
  const rows: [string, unknown][] = [
    ['a: yes\nb: "yes"\nc: off', { a: true, b: 'yes', c: false }],
    ['mode: 0644', { mode: 420 }],
    ['ports: 12:30\nday: 2001-12-14', { ports: '12:30', day: '2001-12-14' }],
    ['base: &b {x: 1}\nother: {<<: *b, z: 2}', { base: { x: 1 }, other: { x: 1, z: 2 } }],
    ['a: 1\na: 2', { a: 2 }],
    ['', null],
  ];
  for (const [text, value] of rows) assert.deepEqual(parseYaml(text).value, value, text);
});

test('keys that occur twice are told with the line of their value', () => {
  assert.deepEqual(parseYaml('a: 1\nb:\n  c: 1\n  c:\n    d: 2\na: 3').duplicates(), [
    'yaml: unmarshal errors:\n  line 5: key "c" already set in map\n  line 6: key "a" already set in map',
  ]);
  assert.deepEqual(parseYaml('a: 1\nb: 2').duplicates(), []);
});

test('a text that is no YAML, or a bomb, is refused', () => {
  assert.throws(() => parseYaml('a: [1'), /^StatusError: error converting YAML to JSON: yaml: /);
  const lists = Array.from({ length: 10 }, (_, i) => `a${i}: &a${i} [${Array(10).fill(i === 0 ? 'x' : `*a${i - 1}`)}]`);
  assert.throws(() => parseYaml(lists.join('\n')), /^StatusError: .*alias/);
});
