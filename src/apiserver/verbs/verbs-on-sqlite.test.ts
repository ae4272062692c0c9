import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { openSqliteStore } from '../../store/sqlite.ts';
import type { Store } from '../../store/store.ts';
import { testOver } from '../testing/start-server.ts';

// The tests of the verbs once more, over the store that clusters have.
const directory = mkdtempSync(path.join(tmpdir(), 'verbs-'));
const stores: Store[] = [];
testOver(async () => {
  const store = await openSqliteStore({ file: path.join(directory, `${stores.length}.db`) });
  stores.push(store);
  return store;
});
after(async () => {
  await Promise.all(stores.map((store) => store.close()));
  rmSync(directory, { recursive: true });
});
await import('./verbs.test.ts');
await import('./watch.test.ts');
