import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PushStream } from './push-stream.ts';

/** Everything that was written, write by write, and whether the end came. */
function recorder() {
  const writes: Uint8Array[][] = [];
  const sink = {
    write: (chunks: Uint8Array[]) => void writes.push(chunks),
    end: () => void writes.push([]),
    backlog: 0,
  };
  return { writes, sink, text: () => writes.map((chunks) => Buffer.concat(chunks).toString()) };
}

/** Everything that is to happen in this turn of the event loop has happened. */
const turn = () => new Promise((resolve) => setImmediate(resolve));
const bytes = (text: string) => Buffer.from(text);

test('what is pushed in one turn goes out together, what came before the sink first', async () => {
  const { sink, text } = recorder();
  const stream = new PushStream(() => {});
  stream.push(bytes('a'));
  await turn();
  let attached = 0;
  stream.onAttach = () => attached++;
  stream.attach(sink);
  assert.deepEqual([text(), attached], [['a'], 1]);
  for (const letter of 'bcd') stream.push(bytes(letter));
  await turn();
  assert.deepEqual(text(), ['a', 'bcd']);
  stream.push(bytes('e'));
  stream.end();
  stream.push(bytes('too late'));
  await turn();
  assert.deepEqual(text(), ['a', 'bcd', 'e', '']);
});

test('what is written goes out at once, behind what was pushed', async () => {
  const { sink, text } = recorder();
  const stream = new PushStream(() => {});
  stream.write(bytes('a'));
  stream.attach(sink);
  stream.push(bytes('b'));
  stream.write(bytes('c'));
  assert.deepEqual(text(), ['a', 'bc']);
  await turn();
  assert.deepEqual(text(), ['a', 'bc']);
});

test('a consumer that does not take what it is sent is cut off', async () => {
  let closed = 0;
  const { sink, writes } = recorder();
  const stream = new PushStream(() => closed++);
  stream.attach(sink);
  sink.backlog = 31 << 20;
  stream.push(Buffer.alloc(2 << 20));
  await turn();
  assert.deepEqual([closed, writes], [1, [[]]]);
});

test('a consumer is not behind for what the stream begins with', async () => {
  let closed = 0;
  const { sink, writes } = recorder();
  const stream = new PushStream(() => closed++);
  for (let n = 0; n < 40; n++) stream.begin(Buffer.alloc(1 << 20));
  stream.attach(sink);
  sink.backlog = 40 << 20;
  stream.push(bytes('a'));
  await turn();
  assert.deepEqual([closed, writes.map(({ length }) => length)], [0, [40, 1]]);
  sink.backlog = 73 << 20;
  stream.push(bytes('b'));
  assert.equal(closed, 1);
});

test('an iterator sees everything in order, and its end lets the stream go', async () => {
  let closed = 0;
  const stream = new PushStream(() => closed++);
  const seen: string[] = [];
  stream.push(bytes('a'));
  setImmediate(() => stream.push(bytes('b')));
  for await (const chunk of stream) if (seen.push(String(chunk)) === 2) break;
  assert.deepEqual([seen, closed], [['a', 'b'], 1]);
});
