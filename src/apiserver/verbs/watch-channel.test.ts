import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../base/clock.ts';
import { PushStream } from '../http/push-stream.ts';
import { CacheEntry } from '../storage/cache-entry.ts';
import type { CacheListener } from '../storage/resource-cache.ts';
import { WatchChannel } from './watch-channel.ts';
import type { WatchView } from './watch-view.ts';

/** Everything that is to happen in this turn of the event loop has happened. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A channel of objects below /a/, each of which is written as its name. */
function setUp() {
  const clock = new FakeClock();
  const listeners = new Set<CacheListener>();
  const state = { encoded: 0, empty: 0 };
  const source = {
    listen(listener: CacheListener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const view = {
    prefix: '/a/',
    selection: undefined,
    encode: {
      event: ({ entry }: { entry: CacheEntry }) => {
        state.encoded++;
        return entry.bytes;
      },
    },
  } as unknown as WatchView;
  const channel = new WatchChannel(view, source, clock, () => state.empty++);
  const happen = (names: string, prefix = '/a/') => {
    for (const name of names) {
      const entry = new CacheEntry(prefix + name, 1, Buffer.from(name));
      for (const listener of listeners) listener({ type: 'ADDED', revision: 1, entry, previous: undefined });
    }
  };
  return { clock, channel, listeners, state, happen };
}

/** A stream and what was written to it, write by write. */
function recorded() {
  const writes: Uint8Array[] = [];
  const stream = new PushStream(() => {});
  stream.attach({
    write: (chunks) => void writes.push(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)),
    end: () => void writes.push(Buffer.from('end')),
    backlog: 0,
  });
  return { stream, writes, text: () => writes.map(String) };
}

test('the first event goes out at once, those soon after it together', async () => {
  const { channel, clock, happen } = setUp();
  const { stream, text } = recorded();
  channel.join(stream);
  happen('a');
  await turn();
  assert.deepEqual(text(), ['a']);
  for (const name of 'bcd') {
    clock.advance(1);
    happen(name);
    await turn();
  }
  assert.deepEqual(text(), ['a']);
  clock.advance(2);
  assert.deepEqual(text(), ['a', 'bcd']);
  clock.advance(100);
  happen('ef');
  await turn();
  assert.deepEqual(text(), ['a', 'bcd', 'ef']);
});

test('many streams are written to less often, each event encoded and joined with others once for all', async () => {
  const { channel, clock, happen, state } = setUp();
  const all = Array.from({ length: 1000 }, recorded);
  for (const { stream } of all) channel.join(stream);
  happen('a');
  // Streams take turns of the event loop.
  while (all.at(-1)!.writes.length < 1) await turn();
  happen('bc');
  happen('x', '/other/');
  clock.advance(99);
  await turn();
  assert.deepEqual(all[0]!.text(), ['a']);
  clock.advance(1);
  while (all.at(-1)!.writes.length < 2) await turn();
  for (const { text } of all) assert.deepEqual(text(), ['a', 'bc']);
  assert.equal(state.encoded, 3);
  assert.equal(all[0]!.writes[1], all[999]!.writes[1]);
});

test('a stream is told of what happens after it has joined, and of nothing after it has left', async () => {
  const { channel, clock, happen, listeners, state } = setUp();
  const [first, second] = [recorded(), recorded()];
  channel.join(first.stream);
  happen('a');
  channel.join(second.stream);
  await turn();
  happen('b');
  clock.advance(5);
  assert.deepEqual([first.text(), second.text()], [['a', 'b'], ['b']]);
  happen('c');
  channel.leave(first.stream);
  clock.advance(5);
  assert.deepEqual(
    [first.text(), second.text()],
    [
      ['a', 'b'],
      ['b', 'c'],
    ],
  );
  channel.leave(second.stream);
  assert.deepEqual([listeners.size, state.empty], [0, 1]);
});

test('what a stream is told by itself comes behind the events before it, also in the middle of a round', async () => {
  const { channel, clock, happen } = setUp();
  const all = Array.from({ length: 300 }, recorded);
  for (const { stream } of all) channel.join(stream);
  const last = all.at(-1)!;
  happen('a');
  await Promise.resolve();
  assert.deepEqual([all[0]!.text(), last.text()], [['a'], []]);
  happen('b');
  channel.catchUp(last.stream);
  last.stream.push(Buffer.from('bookmark'));
  happen('c');
  await turn();
  clock.advance(200);
  await turn();
  assert.equal(last.text().join(''), 'abbookmarkc');
  assert.equal(all[0]!.text().join(''), 'abc');
});
