import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { errorCode, frameType, preface } from '../../src/apiserver/http/h2/protocol.ts';
import type { ServerStream } from '../../src/apiserver/http/h2/stream.ts';
import {
  block,
  frame,
  get,
  number,
  post,
  RawClient,
  settings,
} from '../../src/apiserver/http/h2/testing/raw-client.ts';
import { fuzz } from '../../src/base/testing/fuzz.ts';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const id = fc.oneof({ arbitrary: fc.constantFrom(0, 1, 3, 5), weight: 9 }, fc.integer({ min: 0, max: 2 ** 31 - 1 }));
const field = fc.tuple(
  fc.constantFrom(':path', ':method', 'a', 'A', 'content-length', 'te', 'host', '', 'connection', 'cookie'),
  fc.constantFrom('', '/', 'a', '5', ' x', 'trailers', 'kubernetes', '\0'),
);
const fields = fc.oneof(
  fc.constantFrom(get, post),
  fc.tuple(fc.constantFrom(get, post), fc.array(field, { maxLength: 3 })).map(([some, more]) => [...some, ...more]),
);
const anyFrame = fc
  .tuple(fc.oneof(fc.nat(10), fc.nat(255)), fc.nat(255), id, bytes(40))
  .map(([type, flags, stream, payload]) => frame(type, flags, stream, payload));
const aRequest = fc
  .tuple(id, fc.constantFrom(0, 1, 4, 5, 5, 5), fields)
  .map(([stream, flags, some]) => frame(frameType.headers, flags, stream, block(...some)));
const someData = fc
  .tuple(id, fc.constantFrom(0, 1, 8, 9), bytes(300))
  .map(([stream, flags, payload]) => frame(frameType.data, flags, stream, payload));
const anUpdate = fc
  .tuple(id, fc.constantFrom(0, 1, 100, 65_535, 2 ** 31 - 1))
  .map(([stream, more]) => frame(frameType.windowUpdate, 0, stream, number(more, 4)));
const someSettings = fc
  .array(fc.tuple(fc.constantFrom(1, 2, 4, 5, 6, 99), fc.constantFrom(0, 1, 100, 20_000, 2 ** 31)), { maxLength: 2 })
  .map((pairs) => settings(...pairs));
const input = fc.array(
  fc.oneof(
    { arbitrary: aRequest, weight: 4 },
    { arbitrary: someData, weight: 2 },
    { arbitrary: anUpdate, weight: 2 },
    { arbitrary: someSettings, weight: 1 },
    { arbitrary: anyFrame, weight: 1 },
    { arbitrary: bytes(20), weight: 1 },
  ),
  { maxLength: 12 },
);

/** Answers everything, in one way or another. */
function answer(stream: ServerStream): void {
  const failure = () => new Error('no body');
  stream.body(200, failure, failure).then(
    (body) => stream.respond(200, { 'content-length': body.length }, body),
    () => stream.respond(413, {}),
  );
  if (stream.id === 3) {
    stream.respondHead(200, {});
    stream.write(Buffer.alloc(100_000));
    stream.end();
  }
  if (stream.id === 5) stream.reset(errorCode.cancel);
}

/** Its connection ends with an error of the peer's, or goes on and answers. */
async function survives(greeting: Buffer, parts: readonly Buffer[]): Promise<void> {
  const client = new RawClient(answer, greeting);
  for (const part of parts) await client.send(part);
  if (client.goaway === undefined) {
    const probe = Buffer.from('survived');
    const before = client.frames.length;
    // It may be waiting for the rest of a frame, or of a header block: then it takes this for it.
    await client.send(frame(frameType.ping, 0, 0, probe));
    if (client.frames.length > before && client.goaway === undefined) assert.ok(client.of(frameType.ping).length > 0);
  }
  assert.notEqual(client.goaway, errorCode.internalError);
  client.socket.destroy();
  await client.send();
  assert.ok(client.server.sender.backlog < 1 << 20);
}

describe('an HTTP/2 connection survives', () => {
  it('whatever frames come', async () => {
    const check = (parts: Buffer[]) => survives(Buffer.concat([preface, settings()]), parts);
    await fc.assert(fc.asyncProperty(input, check), fuzz(1000));
  });

  it('whatever frames come in whatever pieces', async () => {
    const check = (parts: Buffer[], size: number) => {
      const all = Buffer.concat(parts);
      const pieces = Array.from({ length: Math.ceil(all.length / size) }, (_, n) =>
        all.subarray(n * size, (n + 1) * size),
      );
      return survives(Buffer.concat([preface, settings()]), pieces);
    };
    await fc.assert(fc.asyncProperty(input, fc.integer({ min: 7, max: 60 }), check), fuzz(300));
  });

  it('whatever bytes come first', async () => {
    await fc.assert(
      fc.asyncProperty(bytes(100), (first) => survives(first, [])),
      fuzz(500),
    );
  });
});
