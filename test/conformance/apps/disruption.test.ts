import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { PodDisruptionBudget } from '../../../src/api/generated/policy-v1.ts';
import { builtin, pods, replicaSets } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { type Objects, refused } from '../fixture/kube.ts';
import { pause, template } from '../fixture/workloads.ts';

const budgets = builtin<PodDisruptionBudget>('policy', 'v1', 'poddisruptionbudgets');
const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const labels = { foo: 'bar' };
const budget = (minAvailable: number | string, name = 'foo', more: Record<string, string> = {}) => ({
  metadata: { name, labels: more },
  spec: { selector: { matchLabels: labels }, minAvailable },
});

async function space() {
  const namespace = await kube.namespace('disruption');
  return { all: kube.of(budgets, namespace), inside: kube.of(pods, namespace), namespace };
}

const untilProcessed = (all: Objects<PodDisruptionBudget>, name = 'foo') =>
  all.until(name, (object) => object?.status?.observedGeneration === object?.metadata.generation);

describe('disruption', { concurrency: 4 }, () => {
  conformance('[sig-apps] DisruptionController should create a PodDisruptionBudget', async () => {
    const { all } = await space();
    await all.create(budget('1%', 'foo', { updated: 'false' }));
    await untilProcessed(all);
    const updated = await all.change('foo', ({ metadata, spec }) => {
      metadata.labels = { updated: 'true' };
      spec!.minAvailable = '2%';
    });
    assert.equal(updated.spec?.minAvailable, '2%');
    await untilProcessed(all);
    const patched = await all.patch('foo', 'strategic', { spec: { minAvailable: '3%' } });
    assert.equal(patched.spec?.minAvailable, '3%');
    await untilProcessed(all);
    await all.delete('foo');
    await refused(all.get('foo'), 404);
  });

  conformance('[sig-apps] DisruptionController should observe PodDisruptionBudget status updated', async () => {
    const { all, inside } = await space();
    await all.create(budget(1));
    for (const name of ['pod-0', 'pod-1', 'pod-2'])
      await inside.create({ metadata: { name, labels }, spec: template({}).spec });
    const { status } = await all.until('foo', (object) => object?.status?.disruptionsAllowed);
    assert.ok(status!.disruptionsAllowed! > 0);
    const settled = await all.until('foo', (object) => object?.status?.currentHealthy === 3);
    assert.deepEqual(
      [settled.status?.disruptionsAllowed, settled.status?.desiredHealthy, settled.status?.expectedPods],
      [2, 1, 3],
    );
  });

  conformance('[sig-apps] DisruptionController should update/patch PodDisruptionBudget status', async () => {
    const { all, inside } = await space();
    await all.create(budget(1));
    for (const name of ['pod-0', 'pod-1']) await inside.create({ metadata: { name, labels }, spec: template({}).spec });
    await all.until('foo', (object) => object?.status?.currentHealthy === 2);
    const watching = await all.watch({ fieldSelector: 'metadata.name=foo' });
    const disruptedPods = { pod1: '2026-01-02T03:04:05Z' };
    const updated = await all.change('foo', ({ status }) => void Object.assign(status!, { disruptedPods }), 'status');
    assert.deepEqual(updated.status?.disruptedPods, disruptedPods);
    await watching.take('MODIFIED', ({ status }) => status?.disruptedPods?.pod1);
    // The controller forgets a Pod that there is none of.
    await watching.take('MODIFIED', ({ status }) => !status?.disruptedPods?.pod1);
    const patched = await all.patch(
      'foo',
      'merge',
      { status: { disruptedPods: { pod2: disruptedPods.pod1 } } },
      'status',
    );
    assert.deepEqual(patched.status?.disruptedPods, { pod2: disruptedPods.pod1 });
    watching.stop();
  });

  conformance(
    '[sig-apps] DisruptionController Listing PodDisruptionBudgets for all namespaces should list and delete a collection of PodDisruptionBudgets',
    async () => {
      const [one, other] = [await space(), await space()];
      const mine = { 'e2e-list': one.namespace };
      await one.all.create(budget('1%', 'foo', mine));
      await one.all.create(budget('1%', 'foo2', mine));
      await other.all.create(budget('1%', 'foo3', mine));
      const labelSelector = `e2e-list=${one.namespace}`;
      const names = async (all: Objects<PodDisruptionBudget>) =>
        (await all.list({ labelSelector })).items.map(({ metadata }) => metadata.name).sort();
      assert.deepEqual(await names(kube.of(budgets)), ['foo', 'foo2', 'foo3']);
      assert.deepEqual(await names(one.all), ['foo', 'foo2']);
      await one.all.deleteCollection();
      await one.all.untilList(({ items }) => items.length === 0);
      assert.deepEqual(await names(kube.of(budgets)), ['foo3']);
    },
  );

  conformance(
    '[sig-apps] DisruptionController should block an eviction until the PDB is updated to allow it',
    async () => {
      const { all, inside, namespace } = await space();
      await kube.of(replicaSets, namespace).create({
        metadata: { name: 'rs' },
        spec: { replicas: 3, selector: { matchLabels: labels }, template: template(labels, pause()) },
      });
      await all.create(budget(3));
      const threeReady = () =>
        inside.untilList(
          ({ items }) =>
            items.length === 3 &&
            items.every(({ status }) =>
              status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
            ),
        );
      const { items } = await threeReady();
      await all.until('foo', (object) => object?.status?.currentHealthy === 3);
      const { name } = items[0]!.metadata;
      const evict = () =>
        kube.ask('POST', inside.path(name, 'eviction'), {
          body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
        });
      const { status } = await refused(
        evict(),
        429,
        "Cannot evict pod as it would violate the pod's disruption budget.",
      );
      assert.equal(status.details?.causes?.[0]?.reason, 'DisruptionBudget');
      assert.equal(
        status.details?.causes?.[0]?.message,
        'The disruption budget foo needs 3 healthy pods and has 3 currently',
      );
      await all.change('foo', ({ spec }) => {
        spec!.minAvailable = 2;
      });
      await all.until('foo', (object) => object?.status?.disruptionsAllowed === 1);
      await evict();
      await inside.untilGone(name);

      // A Pod that is not Ready may be evicted in spite of any budget.
      const next = (await threeReady()).items[0]!.metadata.name;
      const { metadata } = await all.patch('foo', 'strategic', { spec: { minAvailable: 3 } });
      await all.until('foo', (object) => {
        const { currentHealthy, disruptionsAllowed, observedGeneration } = object?.status ?? {};
        return observedGeneration === metadata.generation && currentHealthy === 3 && disruptionsAllowed === 0;
      });
      const evictNext = () =>
        kube.ask('POST', inside.path(next, 'eviction'), {
          body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: next, namespace } },
        });
      await refused(evictNext(), 429);
      await all.delete('foo');
      await all.untilGone('foo');
      await evictNext();
    },
  );
});
