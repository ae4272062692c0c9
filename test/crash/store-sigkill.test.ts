import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { checkStore } from '../../src/store/check.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'store-sigkill-'));
after(() => rmSync(directory, { recursive: true }));
const rounds = Number(process.env.CRASH_ROUNDS ?? 8);

test(`every acknowledged write is there after SIGKILL, in ${rounds} rounds on one file`, async () => {
  const file = path.join(directory, 'store.db');
  const acknowledged = new Map<string, { revision: number; n: number }>();
  for (let round = 0; round < rounds; round++) {
    const lines = await runAndKill(file, round, 50 + Math.random() * 400);
    for (const line of lines) {
      const [key = '', revision, n] = line.split(' ');
      acknowledged.set(key, { revision: Number(revision), n: Number(n) });
    }
    assert.ok(lines.length > 0, 'the writer wrote');
    const { problems } = checkStore(file);
    assert.deepEqual(problems, []);
    const store = await openSqliteStore({ file });
    const newest = Math.max(...[...acknowledged.values()].map(({ revision }) => revision));
    assert.ok((await store.currentRevision()) >= newest, `round ${round}: revision went back`);
    for (const [key, { revision, n }] of acknowledged) {
      const found = await store.get(key);
      assert.ok(found && found.modRevision >= revision, `${key}: ${found?.modRevision} < ${revision}`);
      // A write that was stored but not acknowledged any more may follow, one per writer.
      const stored = Number(Buffer.from(found.value).toString().split(' ')[0]);
      assert.ok(stored === n || stored === n + 1, `${key}: value ${stored}, acknowledged ${n}`);
      assert.equal(stored === n, found.modRevision === revision, `${key}: value and revision agree`);
    }
    await store.close();
  }
});

/** The lines that the writer printed until it was killed, `afterMs` after its first acknowledged write. */
async function runAndKill(file: string, round: number, afterMs: number): Promise<string[]> {
  const script = path.join(import.meta.dirname, 'store-writer.ts');
  const child = spawn(process.execPath, [script, file, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const ready = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk) => {
    output += chunk;
    // The first line says that it has begun.
    if (output.split('\n', 3).length === 3) ready.resolve();
  });
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
  await Promise.race([ready.promise, closed]);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await closed;
  // The last line may have been cut off by the kill.
  return output.split('\n').slice(1, -1);
}
