import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import type { PodTemplate } from '../../../src/api/generated/core-v1.ts';
import type { KubeList } from '../../../src/api/object.ts';
import { builtin } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';

const total = 400;
const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const templates = kube.of(builtin<PodTemplate>('', 'v1', 'podtemplates'), await kube.namespace('chunking'));
const nameOf = (index: number) => `template-${String(index).padStart(4, '0')}`;

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

describe('chunking', () => {
  before(async () => {
    const left = Array.from({ length: total }, (_, i) => i);
    const worker = async () => {
      for (let i = left.shift(); i !== undefined; i = left.shift())
        await templates.create({
          metadata: { name: nameOf(i) },
          template: { spec: { containers: [{ name: 'test', image: 'test2' }] } },
        });
    };
    await Promise.all(Array.from({ length: 20 }, worker));
  });

  conformance(
    '[sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls',
    async () => {
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
});
