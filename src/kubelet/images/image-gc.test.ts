import assert from 'node:assert/strict';
import os from 'node:os';
import { test } from 'node:test';
import { FakeClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { FakeRuntime } from '../fake-runtime.ts';
import type { NodeContext } from '../node-context.ts';
import { ImageGC } from './image-gc.ts';

test('what is known of images that are gone is forgotten where there was something to free', async () => {
  const runtime = new FakeRuntime();
  const clock = new FakeClock();
  const { id } = runtime.images.add('app');
  const kept: [string[], number][] = [];
  const collector = (highPercent: number) =>
    new ImageGC(
      {
        ...{ runtime, clock, log: silentLogger, paths: { images: os.tmpdir() } },
        configuration: { imageGC: { highPercent, lowPercent: 0, minimumAgeMs: 0, maximumAgeMs: 0 } },
        images: { forgetAllBut: async (ids: Set<string>, sinceMs: number) => void kept.push([[...ids], sinceMs]) },
      } as unknown as NodeContext,
      () => undefined,
    );
  await collector(101).collect();
  assert.deepEqual(kept, []);
  await collector(0).collect();
  assert.deepEqual(kept.splice(0), [[[id], clock.now()]]);
  await collector(101).deleteUnused();
  assert.deepEqual(kept, [[[id], clock.now()]]);
});
