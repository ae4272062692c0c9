import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesToFree, type ImageUse, planImageGC } from './plan-image-gc.ts';

const policy = { highPercent: 85, lowPercent: 80, minimumAgeMs: 120_000, maximumAgeMs: 0 };
const hour = 3_600_000;

describe('bytesToFree', () => {
  for (const [available, expected] of [
    [500, 0],
    [160, 0],
    [150, 50],
    [20, 180],
  ] as const)
    it(`of 1000 bytes ${available} are free: ${expected}`, () =>
      assert.equal(bytesToFree(policy, { availableBytes: available, capacityBytes: 1000 }), expected));
});

const image = (id: string, more: Partial<ImageUse> = {}): ImageUse => ({
  ...{ id, sizeBytes: 100, kept: false, firstSeenMs: 0, lastUsedMs: 0 },
  ...more,
});

const rows: [string, ImageUse[], { bytes: number; maximumAgeMs?: number }, string[]][] = [
  ['nothing to free, nothing goes', [image('a')], { bytes: 0 }, []],
  ['only as many as needed', [image('a'), image('b', { lastUsedMs: 5 })], { bytes: 100 }, ['a']],
  [
    'those not used for longest first',
    [image('new', { lastUsedMs: 9 }), image('old', { lastUsedMs: 3 }), image('never')],
    { bytes: 150 },
    ['never', 'old'],
  ],
  ['not what is in use', [image('used', { kept: true }), image('free')], { bytes: 900 }, ['free']],
  ['not what has only just come', [image('fresh', { firstSeenMs: hour - 60_000 }), image('a')], { bytes: 900 }, ['a']],
  [
    'what is too old goes without need',
    [image('old'), image('recent', { lastUsedMs: hour - 1000 })],
    { bytes: 0, maximumAgeMs: hour / 2 },
    ['old'],
  ],
];

describe('planImageGC', () => {
  for (const [name, images, { bytes, maximumAgeMs = 0 }, expected] of rows)
    it(name, () =>
      assert.deepEqual(
        planImageGC(images, { ...policy, maximumAgeMs }, { bytes, nowMs: hour }).map(({ id }) => id),
        expected,
      ),
    );
});
