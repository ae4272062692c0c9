import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type KubeletConfigurationFile, kubeletConfiguration } from './configuration.ts';
import { parseSignalMap } from './eviction/thresholds.ts';
import { allocatable } from './node/allocatable.ts';

describe('a KubeletConfiguration', () => {
  it('has the defaults of Kubernetes for what it leaves out', () => {
    const { maxPods, thresholds, evictionPressureTransitionMs, imageGC } = kubeletConfiguration();
    assert.equal(maxPods, 250);
    assert.equal(thresholds.find(({ signal }) => signal === 'allocatableMemory.available')?.graceMs, 0);
    assert.deepEqual(thresholds[0], { signal: 'memory.available', value: { quantity: 104_857_600 }, graceMs: 0 });
    assert.equal(evictionPressureTransitionMs, 300_000);
    assert.deepEqual(imageGC, { highPercent: 85, lowPercent: 80, minimumAgeMs: 120_000, maximumAgeMs: 0 });
  });

  it('replaces the thresholds as a whole, and gives soft ones their grace and reclaim', () => {
    const { thresholds } = kubeletConfiguration({
      evictionHard: { 'pid.available': '10%', 'nodefs.available': '0%' },
      evictionSoft: { 'memory.available': '1Gi' },
      evictionSoftGracePeriod: { 'memory.available': '1m30s' },
      evictionMinimumReclaim: { 'memory.available': '10%' },
    });
    assert.deepEqual(thresholds, [
      { signal: 'pid.available', value: { share: 0.1 }, graceMs: 0 },
      { signal: 'memory.available', value: { quantity: 2 ** 30 }, graceMs: 90_000, minReclaim: { share: 0.1 } },
    ]);
  });

  const wrong: [KubeletConfigurationFile, RegExp][] = [
    [{ evictionHard: { 'memory.free': '1' } }, /unsupported eviction signal memory.free/],
    [{ evictionHard: { 'memory.available': '-1Mi' } }, /eviction threshold memory.available must be positive: -1Mi/],
    [{ evictionHard: { 'nodefs.available': '120%' } }, /must be > 0% and <= 100%: 120%/],
    [
      { evictionSoft: { 'pid.available': '100' } },
      /grace period must be specified for the soft eviction threshold pid/,
    ],
    [{ maxPods: 0 }, /maxPods 0 must be a number from 1/],
    [
      { imageGCHighThresholdPercent: 80 },
      /imageGCLowThresholdPercent 80 must be less than imageGCHighThresholdPercent 80/,
    ],
    [{ imageMinimumGCAge: '2 minutes' }, /invalid duration "2 minutes"/],
    [{ systemReserved: { disk: '1Gi' } }, /cannot reserve "disk" resource/],
  ];
  for (const [file, message] of wrong)
    it(`refuses ${JSON.stringify(file)}`, () => assert.throws(() => kubeletConfiguration(file), message));
});

describe('the flags that hold maps', () => {
  it('are lists of SIGNAL<VALUE or SIGNAL=VALUE', () => {
    assert.deepEqual(parseSignalMap('memory.available<100Mi,nodefs.available<5%', '<'), {
      'memory.available': '100Mi',
      'nodefs.available': '5%',
    });
    assert.throws(() => parseSignalMap('memory.available=100Mi', '<'), /must be SIGNAL<VALUE/);
  });
});

describe('what Pods may ask for', () => {
  it('is what the machine has less reservations and hard thresholds', () => {
    const machine = { cpus: 4, memoryBytes: 8 * 2 ** 30, diskBytes: 100 * 2 ** 30, hugepages: {}, info: {} as never };
    const configuration = kubeletConfiguration({
      evictionHard: { 'memory.available': '512Mi', 'nodefs.available': '10%' },
      systemReserved: { cpu: '500m', memory: '1Gi' },
      kubeReserved: { cpu: '250m', 'ephemeral-storage': '1Gi', pid: '1000' },
    });
    assert.deepEqual(allocatable(machine, configuration), {
      cpu: 3.25,
      memory: 6.5 * 2 ** 30,
      'ephemeral-storage': 89 * 2 ** 30,
    });
  });
});
