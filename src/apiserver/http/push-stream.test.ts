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

const turn = () => new Promise((resolve) => setImmediate(resolve));
const bytes = (text: string) => Buffer.from(text);

test('the first chunk goes out at once, what comes soon after it together', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { sink, text } = recorder();
  let now = 0;
  const stream = new PushStream(
    () => {},
    () => now,
  );
  stream.attach(sink);
  stream.push(bytes('a'));
  await turn();
  assert.deepEqual(text(), ['a']);
  for (const letter of 'bcd') {
    now++;
    stream.push(bytes(letter));
    await turn();
  }
  t.mock.timers.tick(5);
  assert.deepEqual(text(), ['a', 'bcd']);
  now += 100;
  stream.push(bytes('e'));
  stream.end();
  await turn();
  assert.deepEqual(text(), ['a', 'bcd', 'e', '']);
});

test('streams that are given the same chunks write the same bytes, joined once', async () => {
  const recorders = [recorder(), recorder(), recorder()];
  const streams = recorders.map(({ sink }) => {
    const stream = new PushStream(() => {});
    stream.attach(sink);
    return stream;
  });
  for (const chunk of ['a', 'b'].map(bytes)) for (const stream of streams) stream.push(chunk);
  streams[2]!.push(bytes('more'));
  await turn();
  assert.deepEqual(
    recorders.map(({ text }) => text().join()),
    ['ab', 'ab', 'abmore'],
  );
  assert.equal(recorders[0]!.writes[0]![0], recorders[1]!.writes[0]![0]);
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

test('an iterator sees everything in order, and its end lets the stream go', async () => {
  let closed = 0;
  const stream = new PushStream(() => closed++);
  const seen: string[] = [];
  stream.push(bytes('a'));
  setImmediate(() => stream.push(bytes('b')));
  for await (const chunk of stream) if (seen.push(String(chunk)) === 2) break;
  assert.deepEqual([seen, closed], [['a', 'b'], 1]);
});
