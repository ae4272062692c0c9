import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Pod, PodSpec } from '../../api/generated/core-v1.ts';
import { FakeClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { FakeLinux } from '../../linux/fake.ts';
import { clusterPaths } from '../../paths.ts';
import { type KubeletConfigurationFile, kubeletConfiguration } from '../configuration.ts';
import { FakeEvents } from '../fake-node.ts';
import { FakeRuntime } from '../fake-runtime.ts';
import type { NodeContext } from '../node-context.ts';
import { PodRecord } from '../pod-record.ts';
import { EvictionManager } from './eviction-manager.ts';
import type { Observations } from './plan-eviction.ts';

const Mi = 2 ** 20;
const plenty: Observations = {
  'memory.available': { available: 4096 * Mi, capacity: 8192 * Mi },
  'nodefs.available': { available: 500, capacity: 1000 },
};

/** What is free, as the manager is told. */
let seen: Observations;
let linux: FakeLinux;
let clock: FakeClock;
let events: FakeEvents;
let records: PodRecord[];
let woken: string[];
let reclaimed: number;

beforeEach(() => {
  [seen, linux, clock, events] = [plenty, new FakeLinux(), new FakeClock(), new FakeEvents()];
  [records, woken, reclaimed] = [[], [], 0];
});

function manager(file: KubeletConfigurationFile, onReclaim = () => {}): EvictionManager {
  const node = {
    ...{ linux, clock, events, runtime: new FakeRuntime(), log: silentLogger, evictions: new Map() },
    configuration: kubeletConfiguration(file),
    paths: clusterPaths('test', '/nowhere'),
    volumes: { ready: () => new Map() },
  } as unknown as NodeContext;
  return new EvictionManager({
    node,
    self: () => ({ metadata: { name: 'node', uid: 'n', resourceVersion: '1', creationTimestamp: '' } }),
    records: () => records,
    wake: (uid) => void woken.push(uid),
    changed: () => {},
    reclaimDisk: async () => {
      reclaimed++;
      onReclaim();
    },
    observe: async () => seen,
  });
}

/** A running Pod whose cgroup uses so much. */
function running(name: string, memoryBytes: number, spec: Partial<PodSpec> = {}): PodRecord {
  const metadata = { name, namespace: 'x', uid: name, resourceVersion: '1', creationTimestamp: '' };
  const record = new PodRecord({ metadata, spec: { containers: [{ name: 'main' }], ...spec } } as Pod, clock.now());
  record.sandbox = {
    spec: { id: name, labels: {}, hostname: name, cgroup: `/${name}` },
    namespaces: {},
    createdAtMs: 0,
  };
  const usage = { memoryBytes, workingSetBytes: memoryBytes, pids: 1 };
  linux.cgroupsByPath.set(`/${name}`, { limits: {}, pids: [], usage: usage as never });
  records.push(record);
  return record;
}

const short = (signal: keyof Observations, available: number): Observations => ({
  ...plenty,
  [signal]: { ...plenty[signal], available },
});

describe('the eviction manager', () => {
  it('does nothing while there is enough', async () => {
    running('a', 900 * Mi);
    const manages = manager({});
    assert.deepEqual(await manages.look(), []);
    assert.deepEqual([manages.pressures, events.seen, woken], [[], [], []]);
  });

  it('evicts one Pod a look, the first in rank, with a second of grace', async () => {
    running('small', 10 * Mi);
    const large = running('large', 900 * Mi);
    const manages = manager({ evictionHard: { 'memory.available': '100Mi' } });
    seen = short('memory.available', 50 * Mi);
    assert.deepEqual(await manages.look(), [large]);
    assert.deepEqual(manages.pressures, ['MemoryPressure']);
    assert.deepEqual(woken, ['large']);
    const message = 'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ';
    assert.deepEqual(large.failure, { reason: 'Evicted', message, graceSeconds: 1, disruption: true });
    assert.deepEqual(events.seen, ['EvictionThresholdMet: Attempting to reclaim memory', `Evicted: ${message}`]);
    assert.deepEqual(await manages.look(), [records[0]]);
    assert.deepEqual(await manages.look(), []);
  });

  it('gives a Pod that a soft threshold ends no more grace than it has, nor than configured', async () => {
    const quick = running('quick', 900 * Mi, { terminationGracePeriodSeconds: 5 });
    const slow = running('slow', 800 * Mi, { terminationGracePeriodSeconds: 300 });
    const manages = manager({
      evictionHard: {},
      evictionSoft: { 'memory.available': '1Gi' },
      evictionSoftGracePeriod: { 'memory.available': '30s' },
      evictionMaxPodGracePeriod: 60,
    });
    seen = short('memory.available', 512 * Mi);
    assert.deepEqual(await manages.look(), []);
    clock.advance(30_000);
    await manages.look();
    await manages.look();
    assert.deepEqual([quick.failure?.graceSeconds, slow.failure?.graceSeconds], [5, 60]);
  });

  it('frees images first, and spares the Pods if that is enough', async () => {
    running('a', 900 * Mi);
    const manages = manager({ evictionHard: { 'nodefs.available': '10%' } }, () => {
      seen = plenty;
    });
    seen = short('nodefs.available', 50);
    assert.deepEqual(await manages.look(), []);
    assert.deepEqual([reclaimed, woken, manages.pressures], [1, [], ['DiskPressure']]);
  });

  it('never evicts what the node cannot do without', async () => {
    running('critical', 900 * Mi, { priority: 2_000_000_000 });
    const other = running('other', 1 * Mi);
    seen = short('memory.available', 1);
    assert.deepEqual(await manager({}).look(), [other]);
  });
});
