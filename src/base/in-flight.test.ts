import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InFlight } from './in-flight.ts';

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
  );
});
