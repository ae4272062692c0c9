import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '../../client/client.ts';
import { metricsClient } from './metrics-client.ts';

/** A server that answers the same whatever it is asked, and what it was asked. */
function setUp(answer: object) {
  const asked: string[] = [];
  const client = {
    request: async ({ path }: { path: string }) => {
      asked.push(path);
      return { status: 200, json: async () => answer };
    },
  } as unknown as Client;
  return { asked, metrics: metricsClient(client, () => assert.fail('no kind is looked up')) };
}

describe('what the APIs of metrics say', () => {
  for (const [window, windowMs] of [
    ['15.02s', 15_020],
    ['500ms', 500],
    ['1m5s', 65_000],
    [undefined, 60_000],
  ] as const)
    it(`of a Pod over ${window} was measured over ${windowMs} ms`, async () => {
      const containers = [
        { name: 'a', usage: { cpu: '100m' } },
        { name: 'b', usage: { cpu: '1' } },
      ];
      const timestamp = '2026-01-01T00:00:00Z';
      const { metrics } = setUp({ items: [{ metadata: { name: 'p' }, timestamp, window, containers }] });
      const usage = await metrics.resource('shop', 'app=web', 'cpu');
      assert.deepEqual([...usage], [['p', { milli: 1100, atMs: Date.parse(timestamp), windowMs }]]);
    });

  it('is asked by labels only where there are some', async () => {
    const { asked, metrics } = setUp({ items: [{ value: '3' }, { value: '500m' }] });
    assert.equal(await metrics.external('shop', { name: 'queue' }), 3500);
    await metrics.external('shop', { name: 'queue', selector: { matchLabels: { of: 'orders' } } });
    const path = '/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue';
    assert.deepEqual(asked, [path, `${path}?labelSelector=of%3Dorders`]);
  });
});
