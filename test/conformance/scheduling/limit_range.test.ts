import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { LimitRange } from '../../../src/api/generated/core-v1.ts';
import { builtin, pods } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { refused } from '../fixture/kube.ts';
import { pause } from '../fixture/workloads.ts';

const ranges = builtin<LimitRange>('', 'v1', 'limitranges');
const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

type Amounts = Record<string, string>;

/** CPU, memory and local storage; what is '' is missing. */
const amounts = (...values: [string, string, string]): Amounts =>
  Object.fromEntries(
    ['cpu', 'memory', 'ephemeral-storage'].map((name, i) => [name, values[i]!]).filter(([, value]) => value),
  );

const limits = {
  type: 'Container' as const,
  min: amounts('50m', '100Mi', '100Gi'),
  max: amounts('500m', '500Mi', '500Gi'),
  default: amounts('500m', '500Mi', '500Gi'),
  defaultRequest: amounts('100m', '200Mi', '200Gi'),
};

const limitRange = (name: string, labels: Amounts = {}) => ({ metadata: { name, labels }, spec: { limits: [limits] } });

describe('LimitRange', { concurrency: 2 }, () => {
  conformance(
    '[sig-scheduling] LimitRange should create a LimitRange with defaults and ensure pod has those defaults applied.',
    async () => {
      const namespace = await kube.namespace('limitrange');
      const [all, inside] = [kube.of(ranges, namespace), kube.of(pods, namespace)];
      const watching = await all.watch();
      await all.create(limitRange('limit-range'));
      const { spec } = await watching.take('ADDED');
      watching.stop();
      assert.deepEqual(spec?.limits, (await all.get('limit-range')).spec?.limits);
      assert.partialDeepStrictEqual(spec?.limits[0], limits);
      const create = (name: string, requests: Amounts, limit: Amounts) =>
        inside.create({
          metadata: { name },
          spec: { nodeSelector: { none: 'such' }, containers: [pause({ resources: { requests, limits: limit } })] },
        });
      const resourcesOf = async (name: string) => (await inside.get(name)).spec?.containers[0]?.resources;

      await create('pod-no-resources', {}, {});
      assert.deepEqual(await resourcesOf('pod-no-resources'), {
        limits: limits.default,
        requests: limits.defaultRequest,
      });
      // A limit without a request is the request, too: the default request is for those without a limit.
      await create('pod-partial-resources', amounts('', '150Mi', '150Gi'), amounts('300m', '', ''));
      assert.deepEqual(await resourcesOf('pod-partial-resources'), {
        limits: amounts('300m', '500Mi', '500Gi'),
        requests: amounts('300m', '150Mi', '150Gi'),
      });
      await refused(
        create('too-small', amounts('10m', '50Mi', '50Gi'), {}),
        403,
        /minimum cpu usage per Container is 50m, but request is 10m/,
      );
      await refused(
        create('too-big', amounts('600m', '600Mi', '600Gi'), amounts('600m', '600Mi', '600Gi')),
        403,
        /maximum cpu usage per Container is 500m, but limit is 600m/,
      );

      const min = amounts('9m', '49Mi', '49Gi');
      const updated = await all.change('limit-range', ({ spec }) => {
        spec!.limits[0]!.min = min;
      });
      assert.deepEqual(updated.spec?.limits[0]?.min, min);
      await create('small', amounts('10m', '50Mi', '50Gi'), {});
      await refused(create('too-big', amounts('600m', '600Mi', '600Gi'), amounts('600m', '600Mi', '600Gi')), 403);
      await all.delete('limit-range');
      await all.untilGone('limit-range');
      await create('big', amounts('600m', '600Mi', '600Gi'), {});
    },
  );

  conformance('[sig-scheduling] LimitRange should list, patch and delete a LimitRange by collection', async () => {
    const [here, there] = [await kube.namespace('limitrange'), await kube.namespace('limitrange')];
    const name = 'e2e-limitrange';
    const labels = { [name]: here };
    const labelSelector = `${name}=${here}`;
    for (const namespace of [here, there]) await kube.of(ranges, namespace).create(limitRange(name, labels));
    assert.equal((await kube.of(ranges).list({ labelSelector })).items.length, 2);
    const patched = await kube.of(ranges, here).patch(name, 'strategic', {
      metadata: { labels: { [name]: 'patched' } },
      spec: { limits: [{ type: 'Container', min: { cpu: '10m' } }] },
    });
    assert.equal(patched.metadata.labels?.[name], 'patched');
    assert.equal(patched.spec?.limits[0]?.min?.cpu, '10m');
    await kube.of(ranges, here).deleteCollection({ labelSelector: `${name}=patched` });
    await kube.of(ranges, here).untilList(({ items }) => items.length === 0, { labelSelector: `${name}=patched` });
    const { items } = await kube.of(ranges).list({ labelSelector });
    assert.deepEqual(
      items.map(({ metadata }) => metadata.namespace),
      [there],
    );
  });
});
