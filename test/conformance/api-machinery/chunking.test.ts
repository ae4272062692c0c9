import assert from 'node:assert/strict';
import { describe, type TestContext } from 'node:test';
import type { PodTemplate } from '../../../src/api/generated/core-v1.ts';
import type { KubeList, StatusObject } from '../../../src/api/object.ts';
import { builtin } from '../../../src/api/resource.ts';
import { until } from '../../cluster/fixture/until.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';

const total = 400;
const podTemplates = builtin<PodTemplate>('', 'v1', 'podtemplates');
const nameOf = (index: number) => `template-${String(index).padStart(4, '0')}`;

/** A cluster with a large number of objects in one namespace. */
async function largeCollection(t: TestContext, flags?: { up: string }) {
  const { cluster, kube } = await startConformanceCluster(flags);
  t.after(() => cluster.delete());
  const templates = kube.of(podTemplates, await kube.namespace('chunking'));
  const left = Array.from({ length: total }, (_, i) => i);
  const worker = async () => {
    for (let i = left.shift(); i !== undefined; i = left.shift())
      await templates.create({
        metadata: { name: nameOf(i) },
        template: { spec: { containers: [{ name: 'test', image: 'test2' }] } },
      });
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  return { kube, templates };
}

/** Asserts that these are the objects from `found` on, and that the list tells how many are left. */
function expectPage(list: KubeList<PodTemplate>, found: number): void {
  assert.deepEqual(
    list.items.map(({ metadata }) => metadata.name),
    list.items.map((_, i) => nameOf(found + i)),
  );
  const { remainingItemCount } = list.metadata;
  if (!list.metadata.continue) assert.equal(remainingItemCount, undefined);
  else assert.equal(remainingItemCount! + list.items.length + found, total);
}

describe('chunking', { concurrency: 2 }, () => {
  conformance(
    '[sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls',
    async (t) => {
      const { templates } = await largeCollection(t);
      for (let round = 0; round < 3; round++) {
        let token: string | undefined;
        let resourceVersion: string | undefined;
        let found = 0;
        do {
          const limit = Math.floor(Math.random() * (total / 10)) + 1;
          const list = await templates.list({ limit, continue: token });
          assert.ok(list.items.length <= limit);
          resourceVersion ??= list.metadata.resourceVersion;
          assert.equal(list.metadata.resourceVersion, resourceVersion);
          expectPage(list, found);
          found += list.items.length;
          token = list.metadata.continue;
        } while (token);
        assert.equal(found, total);
      }
      assert.equal((await templates.list({ limit: total + 1 })).items.length, total);
    },
  );

  conformance(
    '[sig-api-machinery] Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent [Slow]',
    async (t) => {
      // The suite waits for the five minutes that are the default.
      const { kube, templates } = await largeCollection(t, { up: '--etcd-compaction-interval=3s' });
      const limit = total / 10;
      const first = await templates.list({ limit });
      expectPage(first, 0);
      const expired = await until('the token to expire', async () => {
        const answer = await kube.try('GET', templates.path(), { query: { limit, continue: first.metadata.continue } });
        return answer.status !== 200 && answer;
      });
      assert.equal(expired.status, 410, expired.text);
      const status: StatusObject = JSON.parse(expired.text);
      assert.equal(status.reason, 'Expired');
      const inconsistent = status.metadata.continue;
      assert.ok(inconsistent);

      let list = await templates.list({ limit, continue: inconsistent });
      assert.notEqual(list.metadata.resourceVersion, first.metadata.resourceVersion);
      assert.equal(list.items.length, limit);
      const { resourceVersion } = list.metadata;
      let found = limit;
      for (;;) {
        expectPage(list, found);
        found += list.items.length;
        if (!list.metadata.continue) break;
        list = await templates.list({ limit, continue: list.metadata.continue });
        assert.equal(list.metadata.resourceVersion, resourceVersion);
      }
      assert.equal(found, total);
    },
  );
});
