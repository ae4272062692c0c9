import fs from 'node:fs';
import { openSqliteStore } from '../../src/store/sqlite.ts';

// Writes as fast as it can with many writers until it is killed, and prints each acknowledged write: key and revision.
const [file = '', round = ''] = process.argv.slice(2);
const writers = 64;
const store = await openSqliteStore({ file });

async function write(id: number): Promise<void> {
  const key = `round${round}/writer${id}`;
  for (let n = 0, revision = 0; ; n++) {
    const value = Buffer.alloc(100 + ((n * 37) % 3000), `${n} `);
    const result = await store.put(key, value, revision);
    if (!result.ok) throw new Error(`lost ${key} at ${revision}`);
    revision = result.revision;
    // Not process.stdout, which keeps lines in memory while the parent is slow: the kill would take acknowledgements with it.
    fs.writeSync(1, `${key} ${revision} ${n}\n`);
  }
}

async function compact(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    await store.compact((await store.currentRevision()) - 200);
  }
}

fs.writeSync(1, 'ready\n');
void compact().catch(() => {});
await Promise.all(Array.from({ length: writers }, (_, id) => write(id)));
