import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readLog } from './read-log.ts';

test('what is appended while the last lines are sent is none of them', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'read-log-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const file = path.join(dir, '0.log');
  const append = (text: string) => fs.appendFileSync(file, `2026-01-02T03:04:05Z stdout F ${text}\n`);
  for (const text of ['one', 'two', 'three']) append(text);
  let sent = '';
  const options = {
    follow: false,
    tailLines: 2,
    sinceMs: undefined,
    timestamps: false,
    limitBytes: undefined,
    stream: 'All' as const,
  };
  const write = async (chunk: Buffer) => {
    sent += chunk.toString();
    append('later');
  };
  await readLog(file, options, { write, signal: new AbortController().signal }, () => true);
  assert.equal(sent, 'two\nthree\n');
});
