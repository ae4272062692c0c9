import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import { readProcesses } from '../../src/linux/proc.ts';

/** Has four children at a time, which live for some milliseconds. */
const restless =
  'while (1) { for (1 .. 4) { if (!fork) { select undef, undef, undef, 0.002 + rand 0.004; exit } } 1 while wait > 0 }';

test('a process that ends while it is read is left out or a zombie, never half shown', async () => {
  const parent = spawn('perl', ['-e', restless], { stdio: 'ignore' });
  const half: object[] = [];
  const seen = new Set<number>();
  try {
    const start = performance.now();
    while (seen.size < 300 && performance.now() - start < 60_000) {
      const pids = fs.readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'latin1').split(' ').map(Number);
      for (const info of readProcesses({ threads: true, pids: pids.filter(Boolean) })) {
        seen.add(info.pid);
        const whole =
          info.cmdline[0] === 'perl' && Object.keys(info.namespaces).length === 7 && info.threads?.length === 1;
        if (info.state !== 'Z' && !whole) half.push(info);
      }
    }
  } finally {
    parent.kill('SIGKILL');
  }
  assert.ok(seen.size >= 300, String(seen.size));
  assert.deepEqual(half, []);
});
