import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withMachineLock } from './machine-lock.ts';

test('works of one name take turns, also after one that failed', async () => {
  const name = `test ${process.pid}`;
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 10));
    inside--;
  };
  const failing = withMachineLock(name, async () => {
    await work();
    throw new Error('failed');
  });
  const outcomes = await Promise.allSettled([failing, ...[1, 2, 3].map(() => withMachineLock(name, work))]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  );
  assert.equal(most, 1);
});
