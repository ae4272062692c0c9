import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../base/clock.ts';
import { WorkQueue } from './work-queue.ts';

test('a key is queued once, and again after done if it was added meanwhile', async () => {
  const queue = new WorkQueue(new FakeClock());
  queue.add('a');
  queue.add('a');
  assert.equal(queue.length, 1);
  assert.equal(await queue.get(), 'a');
  queue.add('a');
  assert.equal(queue.length, 0);
  queue.done('a');
  assert.equal(queue.length, 1);
});

test('failures double the delay until forget; the earliest delay of a key counts', () => {
  const clock = new FakeClock();
  const queue = new WorkQueue(clock);
  const fail = (delayMs: number) => {
    queue.addRateLimited('a');
    clock.advance(delayMs - 1);
    assert.equal(queue.length, 0);
    clock.advance(1);
    assert.equal(queue.length, 1);
    void queue.get();
    queue.done('a');
  };
  for (const delayMs of [5, 10, 20]) fail(delayMs);
  queue.forget('a');
  fail(5);
  queue.addAfter('b', 100);
  queue.addAfter('b', 50);
  queue.addAfter('b', 70);
  clock.advance(50);
  assert.equal(queue.length, 1);
  clock.advance(100);
  assert.equal(queue.length, 1);
});

test('shutDown releases waiting workers', async () => {
  const queue = new WorkQueue(new FakeClock());
  const waiting = queue.get();
  queue.shutDown();
  assert.equal(await waiting, undefined);
  assert.equal(await queue.get(), undefined);
});
