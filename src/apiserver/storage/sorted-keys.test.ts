import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzz } from '../../base/testing/fuzz.ts';
import { SortedKeys } from './sorted-keys.ts';

test('ranges and counts are those of a sorted array, whatever comes and goes', () => {
  const key = fc.integer({ min: 0, max: 5000 }).map((n) => `k/${n}`);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), key), { maxLength: 6000, size: 'max' }),
      key,
      key,
      (steps, start, end) => {
        const keys = new SortedKeys();
        const there = new Set<string>();
        for (const [add, name] of steps) {
          if (add && !there.has(name)) keys.add(name);
          if (!add && there.has(name)) keys.delete(name);
          if (add) there.add(name);
          else there.delete(name);
        }
        const expected = [...there].filter((name) => name >= start && name < end).sort();
        assert.deepEqual(keys.range(start, end), expected);
        assert.deepEqual(keys.range(start, end, 3), expected.slice(0, 3));
        if (start <= end) assert.equal(keys.count(start, end), expected.length);
        assert.equal(keys.size, there.size);
      },
    ),
    fuzz(30),
  );
});

test('keys in order, in reverse and at random make the same set, over many chunks', () => {
  const ascending = Array.from({ length: 5000 }, (_, n) => `k/${String(n).padStart(5, '0')}`);
  const shuffled = [...ascending].sort(
    (a, b) => ((Number(a.slice(2)) * 7919) % 5003) - ((Number(b.slice(2)) * 7919) % 5003),
  );
  for (const order of [ascending, [...ascending].reverse(), shuffled]) {
    const keys = new SortedKeys();
    for (const key of order) keys.add(key);
    assert.deepEqual(keys.range('', '~'), ascending);
    assert.equal(keys.count('k/01000', 'k/02000'), 1000);
    for (const key of order.slice(0, 4990)) keys.delete(key);
    assert.equal(keys.range('', '~').length, 10);
  }
});
