import type { StoreReport } from './check.ts';
import { type EtcdStoreOptions, openEtcdStore } from './etcd.ts';
import type { Store } from './store.ts';

const pageKeys = 1000;
/** At most so many problems are told. */
const examples = 10;

/**
 * Verifies what a store holds in etcd, which looks after its own files: that every key can be read, and that none was
 * written later than the store's head, which each write of ours touches. What was, another program wrote, and servers may
 * answer without having seen it.
 */
export async function checkEtcdStore(options: EtcdStoreOptions): Promise<StoreReport> {
  const store = await openEtcdStore(options);
  try {
    return await inspect(store);
  } finally {
    await store.close();
  }
}

async function inspect(store: Store): Promise<StoreReport> {
  const problems: string[] = [];
  let [keys, head, from] = [0, 0, ''];
  let revision: number | undefined;
  for (let more = true; more; ) {
    const page = await store.range(from, '0', { revision, limit: pageKeys, counted: false });
    ({ more, revision } = page);
    for (const { key, createRevision, modRevision } of page.items) {
      from = `${key}\0`;
      // The first of all: the prefix itself.
      if (key === '') {
        head = modRevision;
        continue;
      }
      keys++;
      if (modRevision > head) problems.push(`not written by Vitrine: ${key} at revision ${modRevision}, after ${head}`);
      if (createRevision > modRevision)
        problems.push(`created after it was written: ${key} at revision ${modRevision}`);
    }
  }
  return { problems: problems.slice(0, examples), revision: head, compactRevision: 0, keys, rows: keys };
}
