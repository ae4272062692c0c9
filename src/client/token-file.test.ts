import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { FakeClock } from '../base/clock.ts';
import { tokenFrom } from './token-file.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'token-'));
const file = path.join(directory, 'token');
after(() => rmSync(directory, { recursive: true }));

test('a token is read when it is first needed and again within a minute; the last good one outlives a file that is bad', () => {
  const clock = new FakeClock();
  const token = tokenFrom(file, clock);
  assert.throws(token, { code: 'ENOENT' });
  writeFileSync(file, 'one\n');
  assert.equal(token(), 'one');
  writeFileSync(file, 'two\n');
  clock.advance(49_000);
  assert.equal(token(), 'one');
  clock.advance(2000);
  assert.equal(token(), 'two');
  writeFileSync(file, '');
  clock.advance(60_000);
  assert.equal(token(), 'two');
  rmSync(file);
  assert.equal(token(), 'two');
  writeFileSync(file, 'three');
  assert.equal(token(), 'three');
});

test('a file without a token is an error that names it', () => {
  writeFileSync(file, ' \n');
  assert.throws(tokenFrom(file), /token file .*token is empty/);
});
