import assert from 'node:assert/strict';
import { test } from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import fc from 'fast-check';
import { InFlight } from './in-flight.ts';
import { fuzz } from './testing/fuzz.ts';

test('holds what a Set would hold, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(9))), (steps) => {
      const items = Array.from({ length: 10 }, (_, n) => ({ n, place: -1 }));
      const set = new Set<(typeof items)[number]>();
      const inFlight = new InFlight<(typeof items)[number]>();
      for (const [comes, n] of steps) {
        const item = items[n]!;
        if (!comes) {
          set.delete(item);
          inFlight.delete(item);
        } else if (!set.has(item)) {
          set.add(item);
          inFlight.add(item);
        }
        assert.equal(inFlight.size, set.size);
        assert.deepEqual(new Set(inFlight.list()), set);
      }
    }),
    fuzz(100),
  );
});

test('what has gone is young garbage, even if the collection is old', () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const oldBytes = () => v8.getHeapSpaceStatistics().find((space) => space.space_name === 'old_space')!.space_used_size;
  const inFlight = new InFlight<{ place: number; held: number[] }>();
  const queue: { place: number; held: number[] }[] = [];
  const run = (times: number) => {
    for (let n = 0; n < times; n++) {
      const item = { place: -1, held: new Array<number>(100).fill(n) };
      inFlight.add(item);
      queue.push(item);
      if (queue.length > 5) inFlight.delete(queue.shift()!);
    }
  };
  run(10_000);
  collect();
  collect();
  const before = oldBytes();
  const times = 100_000;
  run(times);
  const promoted = (oldBytes() - before) / times;
  assert.ok(promoted < 100, `${promoted} of about 900 bytes`);
});
