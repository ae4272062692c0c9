import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kubeletConfiguration } from '../configuration.ts';
import { calm, type EvictionState, isClose, type Observations, planEviction } from './plan-eviction.ts';
import type { Pressure, Signal } from './thresholds.ts';

const config = kubeletConfiguration({
  evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '10%', 'pid.available': '500' },
  evictionSoft: { 'memory.available': '1Gi' },
  evictionSoftGracePeriod: { 'memory.available': '1m30s' },
  evictionMinimumReclaim: { 'nodefs.available': '5%' },
  evictionPressureTransitionPeriod: '5m',
});

const minute = 60_000;
const Mi = 2 ** 20;
const plenty: Observations = {
  'memory.available': { available: 4096 * Mi, capacity: 8192 * Mi },
  'nodefs.available': { available: 500, capacity: 1000 },
  'pid.available': { available: 30_000, capacity: 32_768 },
};
const left = (signal: Signal, available: number): Observations => ({
  ...plenty,
  [signal]: { ...plenty[signal], available },
});

/** What is seen at which time, and what follows. */
interface Look {
  atMs: number;
  seen: Observations;
  pressures: Pressure[];
  reclaim?: { signal: Signal; graceMs: number };
}

const stories: [string, Look[]][] = [
  ['nothing is short', [{ atMs: 0, seen: plenty, pressures: [] }]],
  ['what cannot be observed crosses nothing', [{ atMs: 0, seen: {}, pressures: [] }]],
  [
    'a hard threshold acts at once, and the pressure stays for the transition period',
    [
      {
        atMs: 0,
        seen: left('pid.available', 499),
        pressures: ['PIDPressure'],
        reclaim: { signal: 'pid.available', graceMs: 0 },
      },
      { atMs: minute, seen: plenty, pressures: ['PIDPressure'] },
      { atMs: 5 * minute - 1, seen: plenty, pressures: ['PIDPressure'] },
      { atMs: 5 * minute, seen: plenty, pressures: [] },
    ],
  ],
  ['exactly the threshold is enough', [{ atMs: 0, seen: left('pid.available', 500), pressures: [] }]],
  [
    'a soft threshold acts after its grace; the pressure is told at once',
    [
      { atMs: 0, seen: left('memory.available', 512 * Mi), pressures: ['MemoryPressure'] },
      { atMs: 1.5 * minute - 1, seen: left('memory.available', 512 * Mi), pressures: ['MemoryPressure'] },
      {
        atMs: 1.5 * minute,
        seen: left('memory.available', 512 * Mi),
        pressures: ['MemoryPressure'],
        reclaim: { signal: 'memory.available', graceMs: 90_000 },
      },
    ],
  ],
  [
    'a soft threshold that is left meanwhile begins anew',
    [
      { atMs: 0, seen: left('memory.available', 512 * Mi), pressures: ['MemoryPressure'] },
      { atMs: minute, seen: plenty, pressures: ['MemoryPressure'] },
      { atMs: 2 * minute, seen: left('memory.available', 512 * Mi), pressures: ['MemoryPressure'] },
      { atMs: 3 * minute, seen: left('memory.available', 512 * Mi), pressures: ['MemoryPressure'] },
    ],
  ],
  [
    'goes on until the minimum reclaim is free, too',
    [
      {
        atMs: 0,
        seen: left('nodefs.available', 99),
        pressures: ['DiskPressure'],
        reclaim: { signal: 'nodefs.available', graceMs: 0 },
      },
      {
        atMs: 10_000,
        seen: left('nodefs.available', 149),
        pressures: ['DiskPressure'],
        reclaim: { signal: 'nodefs.available', graceMs: 0 },
      },
      { atMs: 20_000, seen: left('nodefs.available', 150), pressures: ['DiskPressure'] },
    ],
  ],
  ['the minimum reclaim alone starts nothing', [{ atMs: 0, seen: left('nodefs.available', 149), pressures: [] }]],
  [
    'memory goes before disk',
    [
      {
        atMs: 0,
        seen: { ...left('nodefs.available', 1), 'memory.available': { available: 1, capacity: 8192 * Mi } },
        pressures: ['MemoryPressure', 'DiskPressure'],
        reclaim: { signal: 'memory.available', graceMs: 0 },
      },
    ],
  ],
];

describe('planEviction', () => {
  for (const [name, looks] of stories) {
    it(name, () => {
      let state: EvictionState = calm;
      for (const { atMs, seen, pressures, reclaim } of looks) {
        const plan = planEviction(config, state, seen, atMs);
        state = plan.state;
        assert.deepEqual([...plan.pressures].sort(), [...pressures].sort(), `pressures at ${atMs}`);
        const { signal, graceMs } = plan.reclaim?.threshold ?? {};
        assert.deepEqual(plan.reclaim && { signal, graceMs }, reclaim, `reclaim at ${atMs}`);
      }
    });
  }

  it('says what is short: the line and what is left', () => {
    const { reclaim } = planEviction(config, calm, left('nodefs.available', 42), 0);
    assert.deepEqual([reclaim?.resource, reclaim?.quantity, reclaim?.available], ['ephemeral-storage', 100, 42]);
  });

  it('looks more often when a threshold is close', () => {
    assert.equal(isClose(config.thresholds, plenty), false);
    assert.equal(isClose(config.thresholds, left('pid.available', 1000)), false);
    assert.equal(isClose(config.thresholds, left('pid.available', 999)), true);
  });
});
