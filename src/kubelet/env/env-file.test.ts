import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnvFile } from './env-file.ts';

const cases: [string, string, Record<string, string> | RegExp][] = [
  ['names and values', 'A=1\nB = two words \n', { A: '1', B: 'two words' }],
  ['no quotes and no escapes', `A="x"\nB='y'\nC=a\\nb\n`, { A: '"x"', B: "'y'", C: 'a\\nb' }],
  ['comments and blank lines', '# one\n\n  # two\nA=1 # not one\n', { A: '1 # not one' }],
  ['an equals sign in a value', 'A=b=c\n', { A: 'b=c' }],
  ['lines that go on', 'A=one \\\n  two\\\nthree\nB=4', { A: 'one two three', B: '4' }],
  ['the first of two', 'A=1\nA=2\n', { A: '1' }],
  ['an empty value', 'A=\n', { A: '' }],
  ['a line without an equals sign', 'A=1\nnonsense\n', /invalid environment variable format at line 2/],
  ['a line without a name', '=1\n', /at line 1/],
  ['a comment where the value goes on', 'A=1\\\n# no\nB=2\n', /at line 2: blank line or comment in continuation/],
  ['an end where the value goes on', 'A=1\\', /unfinished line continuation/],
];

for (const [what, text, expected] of cases)
  test(`an environment file with ${what}`, () => {
    if (expected instanceof RegExp) assert.throws(() => parseEnvFile(text), expected);
    else assert.deepEqual(Object.fromEntries(parseEnvFile(text)), expected);
  });
