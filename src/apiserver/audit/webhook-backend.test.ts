import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import type { AuditEvent } from './event.ts';
import { auditWebhook, type WebhookBackendOptions } from './webhook-backend.ts';

interface List {
  kind: string;
  apiVersion: string;
  items: { auditID: string; kind?: string }[];
}

function setUp(options: Partial<WebhookBackendOptions> = {}) {
  const clock = new FakeClock();
  const sent: string[][] = [];
  /** How many of the next attempts fail. */
  const state = { failures: 0, attempts: 0 };
  const backend = auditWebhook(
    {
      send: async (body) => {
        state.attempts++;
        if (state.failures-- > 0) throw new Error('503');
        const { kind, apiVersion, items } = body as List;
        assert.deepEqual([kind, apiVersion], ['EventList', 'audit.k8s.io/v1']);
        assert.ok(items.every((item) => item.kind === undefined));
        sent.push(items.map(({ auditID }) => auditID));
      },
      ...{ bufferSize: 100, maxBatchSize: 3, maxBatchWaitMs: 30_000, throttle: undefined, initialBackoffMs: 10_000 },
      ...options,
    },
    { clock, log: silentLogger },
  );
  let next = 0;
  const write = (count: number) => {
    for (let i = 0; i < count; i++)
      backend.write({ kind: 'Event', apiVersion: 'audit.k8s.io/v1', auditID: `e${next++}` } as AuditEvent);
  };
  const settle = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  return { clock, sent, state, backend, write, settle };
}

describe('the audit webhook', () => {
  it('is sent a list when it is full, or has waited', async () => {
    const { clock, sent, write, settle } = setUp();
    write(4);
    await settle();
    assert.deepEqual(sent, [['e0', 'e1', 'e2']]);
    clock.advance(29_999);
    await settle();
    assert.equal(sent.length, 1);
    clock.advance(1);
    await settle();
    assert.deepEqual(sent[1], ['e3']);
  });

  it('is asked again, each time after half as long again, and not for ever', async () => {
    const { clock, sent, state, write, settle } = setUp();
    state.failures = 2;
    write(3);
    await settle();
    for (const [delayMs, attempts] of [
      [9_999, 1],
      [1, 2],
      [14_999, 2],
      [1, 3],
    ] as const) {
      clock.advance(delayMs);
      await settle();
      assert.equal(state.attempts, attempts);
    }
    assert.deepEqual(sent, [['e0', 'e1', 'e2']]);
    state.failures = 99;
    write(3);
    for (let i = 0; i < 10; i++) {
      await settle();
      clock.advance(60_000);
    }
    assert.equal(state.attempts, 3 + 5);
  });

  it('gets no more lists than the throttle lets pass, and loses what no longer fits', async () => {
    const { clock, sent, write, settle } = setUp({ throttle: { qps: 2, burst: 1 }, bufferSize: 6 });
    write(3);
    write(3);
    write(3);
    write(1);
    await settle();
    assert.deepEqual(sent, [['e0', 'e1', 'e2']]);
    clock.advance(500);
    await settle();
    clock.advance(500);
    await settle();
    assert.deepEqual(sent.slice(1), [
      ['e3', 'e4', 'e5'],
      ['e6', 'e7', 'e8'],
    ]);
  });

  it('is sent what is left at the end, without waiting', async () => {
    const { sent, state, backend, write, settle } = setUp({ throttle: { qps: 1, burst: 1 } });
    state.failures = 1;
    write(3);
    await settle();
    write(4);
    await backend.close();
    assert.deepEqual(sent.flat().sort(), ['e0', 'e1', 'e2', 'e3', 'e4', 'e5', 'e6']);
  });
});
