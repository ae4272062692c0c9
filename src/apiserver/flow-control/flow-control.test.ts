import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/flowcontrol-v1.ts';
import { FakeClock } from '../../base/clock.ts';
import { renderMetrics } from '../../base/metrics.ts';
import { MemoryReader } from '../authentication/memory-reader.ts';
import { defaultFlowSchemas, defaultPriorityLevels } from '../bootstrap/flow-control-defaults.ts';
import type { UserInfo } from '../request.ts';
import { parseRequestInfo } from '../request-info.ts';
import { Dispatcher } from './dispatcher.ts';
import { FlowControl, flowSchemas, priorityLevels } from './flow-control.ts';
import { listSeats } from './list-seats.ts';
import { planBounds, planCurrentLimits } from './plan-limits.ts';
import { PriorityLevel } from './priority-level.ts';
import { dealHand } from './shuffle-shard.ts';

const user = (name: string, ...groups: string[]): UserInfo => ({ name, groups: [...groups, 'system:authenticated'] });
const ask = (target: string, method = 'GET') => {
  const [path = '', query] = target.split('?');
  return parseRequestInfo(method, path, new URLSearchParams(query));
};

function setUp() {
  const reader = new MemoryReader();
  for (const level of defaultPriorityLevels()) reader.put(priorityLevels, level as PriorityLevelConfiguration);
  for (const schema of defaultFlowSchemas()) reader.put(flowSchemas, schema as FlowSchema);
  return { reader, flows: new FlowControl({ reader, clock: new FakeClock() }) };
}

describe('flows', () => {
  const { flows } = setUp();
  const rows: [string, UserInfo, string, string, string, method?: string][] = [
    ['administrators', user('ann', 'system:masters'), '/api/v1/pods', 'exempt', 'exempt'],
    ['probes', user('x'), '/readyz', 'probes', 'exempt'],
    ['other paths', user('x'), '/readyz/etcd', 'global-default', 'global-default'],
    [
      'node heartbeats',
      user('system:node:a', 'system:nodes'),
      '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/a',
      'system-node-high',
      'node-high',
      'PUT',
    ],
    ["a node's other requests", user('system:node:a', 'system:nodes'), '/api/v1/pods', 'system-nodes', 'system'],
    [
      'leader election',
      user('system:kube-scheduler'),
      '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x',
      'system-leader-election',
      'leader-election',
    ],
    ['the scheduler', user('system:kube-scheduler'), '/api/v1/pods', 'kube-scheduler', 'workload-high'],
    [
      'accounts of kube-system',
      user('system:serviceaccount:kube-system:dns', 'system:serviceaccounts'),
      '/api/v1/services',
      'kube-system-service-accounts',
      'workload-high',
    ],
    [
      'other accounts',
      user('system:serviceaccount:shop:web', 'system:serviceaccounts'),
      '/api/v1/services',
      'service-accounts',
      'workload-low',
    ],
    ['people', user('ann'), '/api/v1/pods', 'global-default', 'global-default'],
  ];
  for (const [who, asking, path, schema, level, method] of rows)
    it(`of ${who} are of ${schema}, with priority ${level}`, () => {
      const flow = flows.classify(asking, ask(path, method));
      assert.deepEqual([flow?.schemaName, flow?.level.name], [schema, level]);
    });

  it('follow the objects', () => {
    const { reader, flows: changing } = setUp();
    assert.equal(changing.classify(user('ann'), ask('/api/v1/pods'))?.schemaName, 'global-default');
    reader.put(flowSchemas, {
      metadata: { name: 'mine' },
      spec: {
        matchingPrecedence: 50,
        priorityLevelConfiguration: { name: 'workload-high' },
        distinguisherMethod: { type: 'ByNamespace' },
        rules: [
          {
            subjects: [{ kind: 'User', user: { name: 'ann' } }],
            resourceRules: [{ verbs: ['list'], apiGroups: [''], resources: ['pods'], namespaces: ['a', 'b'] }],
          },
        ],
      },
    } as unknown as FlowSchema);
    const inA = changing.classify(user('ann'), ask('/api/v1/namespaces/a/pods'));
    assert.equal(inA?.schemaName, 'mine');
    assert.notDeepEqual(inA?.hand, changing.classify(user('ann'), ask('/api/v1/namespaces/b/pods'))?.hand);
    assert.equal(changing.classify(user('ann'), ask('/api/v1/pods'))?.schemaName, 'global-default');
  });
});

describe('a hand of queues', () => {
  it('has as many different queues as it should, the same for the same flow', () => {
    for (let i = 0; i < 200; i++) {
      const hand = dealHand(`flow ${i}`, 64, 6);
      assert.equal(new Set(hand).size, 6);
      assert.ok(hand.every((queue) => queue >= 0 && queue < 64));
      assert.deepEqual(hand, dealHand(`flow ${i}`, 64, 6));
    }
    assert.deepEqual(dealHand('x', 3, 8).sort(), [0, 1, 2]);
  });

  it('is spread evenly', () => {
    const used = new Array<number>(16).fill(0);
    for (let i = 0; i < 4000; i++) for (const queue of dealHand(`flow ${i}`, 16, 4)) used[queue]!++;
    for (const count of used) assert.ok(count > 850 && count < 1150, String(used));
  });
});

describe('seats', () => {
  const limited = (shares: number, lendablePercent = 0) => ({
    type: 'Limited',
    limited: { nominalConcurrencyShares: shares, lendablePercent, limitResponse: { type: 'Reject' } },
  });

  it('are shared out by shares', () => {
    const bounds = planBounds(
      new Map([
        ['a', limited(30, 33)],
        ['b', limited(70)],
      ]),
      600,
    );
    assert.deepEqual(bounds.get('a'), { nominal: 180, min: 121, max: 600 });
    assert.deepEqual(bounds.get('b'), { nominal: 420, min: 420, max: 600 });
  });

  it('are lent by those who do not want them to those who do', () => {
    const demand = (nominal: number, min: number, wanted: number) => ({
      ...{ nominal, min, max: 600, highWatermark: wanted, smoothed: wanted },
    });
    const limits = planCurrentLimits(
      new Map([
        ['busy', demand(100, 50, 500)],
        ['idle', demand(500, 100, 0)],
      ]),
      600,
    );
    assert.deepEqual(
      [...limits],
      [
        ['busy', 500],
        ['idle', 100],
      ],
    );
    const both = planCurrentLimits(
      new Map([
        ['a', demand(300, 100, 400)],
        ['b', demand(300, 100, 400)],
      ]),
      600,
    );
    assert.deepEqual([...both.values()], [300, 300]);
  });

  it('of a list are as many as it is long', () => {
    assert.deepEqual(
      [listSeats(0, 0), listSeats(101, 0), listSeats(100_000, 0), listSeats(100_000, 50)],
      [1, 2, 10, 1],
    );
  });
});

describe('the dispatcher', () => {
  const queueing = (name: string, shares: number, queueLengthLimit = 50) =>
    new PriorityLevel(
      name,
      {
        type: 'Limited',
        limited: {
          nominalConcurrencyShares: shares,
          limitResponse: { type: 'Queue', queuing: { queues: 8, handSize: 1, queueLengthLimit } },
        },
      },
      { nominal: shares, min: shares, max: shares },
    );
  const patient = { timeoutMs: 10_000, signal: new AbortController().signal };

  it('runs what there is room for at once, and no more in one turn than it can do', async () => {
    const dispatcher = new Dispatcher();
    const level = queueing('l', 1000);
    let atOnce = 0;
    while (dispatcher.tryBegin(level, 1)) atOnce++;
    assert.equal(atOnce, 48);
    const next = dispatcher.wait(level, [0], 1, patient);
    assert.equal(await next, 'run');
  });

  it('starts more in a turn where turns are short, and less where they are long', async () => {
    let now = 0;
    const dispatcher = new Dispatcher(() => now);
    const level = queueing('l', 100_000);
    const turn = async (tookMs: number) => {
      let started = 0;
      while (dispatcher.tryBegin(level, 1)) started++;
      now += tookMs;
      await new Promise(setImmediate);
      return started;
    };
    const counts: number[] = [];
    for (const tookMs of [1, 1, 6, 20, 20, 20, 20, 20, 1, 1]) counts.push(await turn(tookMs));
    assert.deepEqual(counts, [48, 96, 192, 192, 96, 48, 24, 16, 16, 32]);
  });

  it('gives a small flow its turn beside a flood', async () => {
    const dispatcher = new Dispatcher();
    const [flood, small] = [queueing('flood', 1000, 10_000), queueing('small', 1000)];
    while (dispatcher.tryBegin(flood, 1));
    const order: string[] = [];
    const waits = Array.from({ length: 1000 }, () => dispatcher.wait(flood, [0], 1, patient));
    for (const wait of waits) void wait.then(() => order.push('flood'));
    await dispatcher.wait(small, [0], 1, patient).then(() => order.push('small'));
    assert.ok(order.indexOf('small') < 5, String(order.indexOf('small')));
  });

  it('gives each queue of a level its turn', async () => {
    const dispatcher = new Dispatcher();
    const level = queueing('l', 1000, 10_000);
    while (dispatcher.tryBegin(level, 1));
    const order: number[] = [];
    const all = [0, 0, 0, 0, 0, 0, 1, 2].map((queue) =>
      dispatcher.wait(level, [queue], 1, patient).then(() => order.push(queue)),
    );
    await Promise.all(all);
    assert.deepEqual(order.slice(0, 3).sort(), [0, 1, 2]);
  });

  it('refuses what finds its queues full, what waits too long, and forgets who goes away', async () => {
    const dispatcher = new Dispatcher();
    const level = queueing('l', 1, 2);
    assert.ok(dispatcher.tryBegin(level, 1));
    const gone = new AbortController();
    const cancelled = dispatcher.wait(level, [0], 1, { timeoutMs: 10_000, signal: gone.signal });
    const late = dispatcher.wait(level, [0], 1, { ...patient, timeoutMs: 5 });
    assert.equal(await dispatcher.wait(level, [0], 1, patient), 'queue-full');
    gone.abort();
    assert.equal(await cancelled, 'cancelled');
    const held = setTimeout(() => {}, 1000);
    assert.equal(await late, 'time-out');
    clearTimeout(held);
    assert.equal(level.waiting, 0);
    dispatcher.end(level, 1);
    assert.equal(level.executingSeats, 0);
  });

  it('lets a wide request run alone, and the next when it has ended', async () => {
    const dispatcher = new Dispatcher();
    const level = queueing('l', 2);
    assert.ok(dispatcher.tryBegin(level, 10));
    const next = dispatcher.wait(level, [0], 1, patient);
    await new Promise(setImmediate);
    assert.equal(level.waiting, 1);
    dispatcher.end(level, 10);
    assert.equal(await next, 'run');
  });
});

describe('the metrics of priority and fairness', () => {
  it('tell of levels and flows', () => {
    const { flows } = setUp();
    const flow = flows.classify(user('ann'), ask('/api/v1/pods'))!;
    assert.ok(flows.tryBegin(flow, 3));
    const text = renderMetrics(flows.metrics());
    const labels = 'priority_level="global-default",flow_schema="global-default"';
    assert.match(text, new RegExp(`apiserver_flowcontrol_dispatched_requests_total\\{${labels}\\} 1`));
    assert.match(text, /apiserver_flowcontrol_current_executing_seats\{priority_level="global-default"\} 3/);
    assert.match(text, /apiserver_flowcontrol_nominal_limit_seats\{priority_level="exempt"\} 0/);
    flows.end(flow, 3, 0.1);
  });
});
