import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fuzz } from '../../../base/testing/fuzz.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import { errorCode, flag, frameType, largestStreamId } from './protocol.ts';
import type { ServerStream } from './stream.ts';
import { block, frame, get, headers, number, post, RawClient, settings } from './testing/raw-client.ts';

const update = (id: number, bytes: number) => frame(frameType.windowUpdate, 0, id, number(bytes, 4));
const data = (id: number, bytes: Uint8Array | string, flags = 0) => frame(frameType.data, flags, id, bytes);
const broken = () => new Error('cut off');
const read = (stream: ServerStream, most = 1 << 22) => stream.body(most, () => new Error('too large'), broken);

/** A client, and the streams that its server has seen. */
function connected(): { client: RawClient; streams: ServerStream[] } {
  const streams: ServerStream[] = [];
  return { client: new RawClient((stream) => streams.push(stream)), streams };
}

describe('a request', () => {
  it('is what its fields and frames say', async () => {
    const { client, streams } = connected();
    await client.send(
      headers(1, [...post, ['cookie', 'a=b'], ['cookie', 'c=d'], ['x', '1'], ['x', '2'], ['user-agent', 'me']], 0),
      data(1, 'hello '),
      data(1, '\x02worldxx', flag.padded | flag.endStream),
    );
    const { method, target, headers: fields } = streams[0]!.head;
    assert.deepEqual([method, target], ['POST', '/']);
    assert.deepEqual({ ...fields }, { host: 'kubernetes', cookie: 'a=b; c=d', x: '1, 2', 'user-agent': 'me' });
    assert.equal(Buffer.from(await read(streams[0]!)).toString(), 'hello world');
    assert.equal(await read(streams[0]!), await read(streams[0]!));
  });

  it('is read before its body has come, if somebody wants to', async () => {
    const { client, streams } = connected();
    await client.send(headers(1, [...post, ['expect', '100-continue']], 0));
    const body = read(streams[0]!);
    await client.send();
    assert.equal(new HpackDecoder().decode(client.of(frameType.headers)[0]!.payload)[0]!.value, '100');
    await client.send(data(1, 'a'), data(1, 'b', flag.endStream));
    assert.equal(Buffer.from(await body).toString(), 'ab');
  });

  it('that is too large is refused, and neither the rest of it nor the others suffer', async () => {
    const { client, streams } = connected();
    const chunk = Buffer.alloc(16_000);
    await client.send(headers(1, post, 0));
    const body = assert.rejects(read(streams[0]!, 20_000), /too large/);
    await client.send(data(1, chunk), data(1, chunk), data(1, chunk));
    await body;
    streams[0]!.respond(413, {});
    await client.send(data(1, chunk, flag.endStream), headers(3, get));
    assert.deepEqual(client.resets, [[1, errorCode.noError]]);
    assert.equal(client.goaway, undefined);
    assert.equal(streams.length, 2);
  });

  it('gets room for a long body as it is read, and not before', async () => {
    const { client, streams } = connected();
    const frames = (count: number) => Array.from({ length: count }, () => data(1, Buffer.alloc(16_384)));
    await client.send(headers(1, post, 0), ...frames(64));
    const granted = (id: number) =>
      client
        .of(frameType.windowUpdate)
        .filter((one) => one.id === id)
        .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
    assert.equal(granted(1), 0);
    const body = read(streams[0]!);
    await client.send();
    assert.equal(granted(1), 1 << 20);
    await client.send(...frames(64), data(1, '', flag.endStream));
    assert.equal((await body).length, 2 << 20);
    assert.equal(granted(0), (4 << 20) - 65_535 + (2 << 20));
  });

  it('of a client that goes is told so, and its body ends in an error', async () => {
    for (const leave of [
      (client: RawClient) => client.send(frame(frameType.rstStream, 0, 1, number(errorCode.cancel, 4))),
      (client: RawClient) => client.send(frame(99, 0, 0), frame(frameType.data, 0, 0)),
      async (client: RawClient) => {
        client.socket.end();
        await client.send();
      },
    ]) {
      const { client, streams } = connected();
      await client.send(headers(1, post, 0), data(1, 'abc'));
      let closed = 0;
      streams[0]!.onClose = () => closed++;
      const body = assert.rejects(read(streams[0]!), /cut off/);
      await leave(client);
      await body;
      assert.equal(closed, 1);
      assert.ok(streams[0]!.closed);
      streams[0]!.respond(200, {}, Buffer.from('nobody reads it'));
      await client.send();
      assert.equal(client.of(frameType.headers).length, 0);
    }
  });
});

describe('an answer', () => {
  it('leaves whole, in one write with others of the same turn', async () => {
    const { client, streams } = connected();
    await client.send(headers(1, get), headers(3, get));
    let writes = 0;
    client.socket.on('data', () => writes++);
    for (const stream of streams) stream.respond(200, { 'content-type': 'text/plain' }, Buffer.from('hello'));
    await client.send();
    assert.equal(writes, 1);
    assert.deepEqual(
      client.frames.slice(-4).map(({ type, flags, id }) => [type, flags, id]),
      [
        [frameType.headers, flag.endHeaders, 1],
        [frameType.data, flag.endStream, 1],
        [frameType.headers, flag.endHeaders, 3],
        [frameType.data, flag.endStream, 3],
      ],
    );
    assert.deepEqual(client.resets, []);
  });

  it('without a body ends with its head; a head of more than a frame goes on in CONTINUATIONs', async () => {
    const { client, streams } = connected();
    await client.send(headers(1, get), headers(3, get));
    streams[0]!.respond(204, {});
    streams[1]!.respond(200, { long: 'x'.repeat(40_000) });
    await client.send();
    const heads = client.frames.filter(({ type }) => type === frameType.headers || type === frameType.continuation);
    assert.deepEqual(
      heads.map(({ type, flags, id }) => [type, flags, id]),
      [
        [frameType.headers, flag.endHeaders | flag.endStream, 1],
        [frameType.headers, flag.endStream, 3],
        [frameType.continuation, 0, 3],
        [frameType.continuation, flag.endHeaders, 3],
      ],
    );
    const fields = client.decoder.decode(Buffer.concat(heads.slice(1).map(({ payload }) => payload)));
    assert.equal(fields[1]!.value.length, 40_000);
  });

  it('waits for the windows of its stream and of the connection, and for a window that was made smaller', async () => {
    const { client, streams } = connected();
    await client.send(settings([4, 10]), headers(1, get), headers(3, get));
    for (const stream of streams) stream.respond(200, {}, Buffer.alloc(100_000, 'x'));
    await client.send();
    assert.deepEqual([client.body(1).length, client.body(3).length], [10, 10]);
    await client.send(update(1, 5));
    assert.equal(client.body(1).length, 15);
    // Ten bytes more for each, at once.
    await client.send(settings([4, 20]));
    assert.deepEqual([client.body(1).length, client.body(3).length], [25, 20]);
    // Fifteen less than nothing.
    await client.send(settings([4, 5]), update(1, 15));
    assert.equal(client.body(1).length, 25);
    await client.send(update(1, 1), update(3, 200_000));
    assert.equal(client.body(1).length, 26);
    // 65,535 of the connection are used up.
    assert.equal(client.body(3).length, 65_535 - 26);
    await client.send(update(0, 1_000_000), update(1, 200_000));
    assert.deepEqual([client.body(1).length, client.body(3).length], [100_000, 100_000]);
    assert.equal(client.frames.at(-1)!.flags, flag.endStream);
  });

  it('that nobody takes holds nothing up but itself', async () => {
    const { client, streams } = connected();
    await client.send(settings([4, 1 << 24]), update(0, 1 << 24), headers(1, get), headers(3, get));
    client.socket.pause();
    const part = Buffer.alloc(1 << 20);
    let more = true;
    for (let n = 0; n < 4; n++) more = streams[0]!.write(part);
    assert.equal(more, false);
    const drained = streams[0]!.drained();
    streams[1]!.write(Buffer.from('a'));
    await client.send();
    // What the socket does not take stays with the stream.
    assert.ok(streams[0]!.queue.bytes >= 3 << 20, String(streams[0]!.queue.bytes));
    client.socket.resume();
    await drained;
    streams[0]!.end();
    streams[1]!.end();
    while (!client.frames.some(({ id, flags, type }) => type === 0 && id === 1 && flags & 1)) await client.send();
    assert.equal(client.body(1).length, 4 << 20);
    assert.equal(client.body(3).length, 1);
  });

  it('shares the connection with the others', async () => {
    const { client, streams } = connected();
    await client.send(settings([4, 1 << 24]), headers(1, get), headers(3, get), headers(5, get));
    for (const stream of streams) stream.respond(200, {}, Buffer.alloc(2 << 20));
    await client.send(update(0, 3 << 20));
    const sizes = [1, 3, 5].map((id) => client.body(id).length);
    for (const size of sizes) assert.ok(size >= 512 << 10, String(sizes));
  });

  it('that breaks off is reset; whatever the peer has sent before it knew is ignored', async () => {
    const { client, streams } = connected();
    await client.send(headers(1, post, 0));
    streams[0]!.respondHead(200, {});
    streams[0]!.write(Buffer.from('half'));
    streams[0]!.reset(errorCode.internalError);
    await client.send(data(1, 'late'), headers(1, [['trailer', 'late']]), update(1, 1));
    assert.deepEqual(client.resets, [[1, errorCode.internalError]]);
    assert.equal(client.goaway, undefined);
  });

  it('uses no larger table than the peer allows', async () => {
    const { client, streams } = connected();
    await client.send(settings([1, 0]), headers(1, get), headers(3, get));
    const decoder = new HpackDecoder(0);
    for (const stream of streams) stream.respond(200, { 'x-a': 'b' });
    await client.send();
    for (const { payload } of client.of(frameType.headers)) assert.equal(decoder.decode(payload)[1]!.value, 'b');
  });

  it('is the same bytes, however they are written and whatever the windows', async () => {
    const bytes = fc.array(fc.uint8Array({ maxLength: 40_000 }), { maxLength: 6 });
    const windows = fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 8 });
    const check = async (chunks: Uint8Array[], steps: number[]) => {
      const { client, streams } = connected();
      await client.send(settings([4, 0]), headers(1, get));
      streams[0]!.respondHead(200, {});
      for (const chunk of chunks) streams[0]!.write(chunk);
      streams[0]!.end();
      for (const step of steps) await client.send(update(1, step));
      await client.send(update(0, 1 << 20), update(1, 1 << 20));
      assert.ok(client.body(1).equals(Buffer.concat(chunks)));
      const frames = client.of(frameType.data);
      assert.deepEqual(
        frames.filter(({ flags }) => flags & flag.endStream),
        frames.slice(-1),
      );
      for (const { payload } of frames) assert.ok(payload.length <= 16_384);
    };
    await fc.assert(fc.asyncProperty(bytes, windows, check), fuzz(60));
  });
});

describe('a connection that is to end', () => {
  const goaways = (client: RawClient) => client.of(frameType.goaway).map(({ payload }) => payload.readUInt32BE(0));

  it('says so, takes what comes until the peer knows it, and ends with the last answer (6.8)', async () => {
    const { client, streams } = connected();
    await client.send(frame(frameType.settings, flag.ack, 0), headers(1, get));
    client.server.close();
    await client.send(headers(3, get));
    assert.deepEqual(goaways(client), [largestStreamId]);
    const [ping] = client.of(frameType.ping);
    await client.send(frame(frameType.ping, flag.ack, 0, ping!.payload), headers(5, get), data(7, 'a'));
    assert.deepEqual(goaways(client), [largestStreamId, 3]);
    assert.deepEqual(
      streams.map(({ id }) => id),
      [1, 3],
    );
    streams[0]!.respond(200, {});
    await client.send();
    assert.equal(client.closed, false);
    streams[1]!.respond(200, {}, Buffer.from('last'));
    await client.send();
    assert.ok(client.closed);
    assert.equal(client.body(3).toString(), 'last');
    assert.equal(client.goaway, errorCode.noError);
  });

  it('because nobody has used it for a minute and a half', async () => {
    const { client, streams } = connected();
    await client.send(frame(frameType.settings, flag.ack, 0), headers(1, get));
    client.server.look(performance.now() + 100_000);
    await client.send();
    assert.deepEqual(goaways(client), []);
    streams[0]!.respond(200, {});
    client.server.look(performance.now() + 100_000);
    await client.send();
    assert.deepEqual(goaways(client), [largestStreamId]);
  });

  it('because the client does not get on with its preface, its acknowledgement or its fields', async () => {
    const begun = Buffer.concat([frame(frameType.settings, flag.ack, 0), frame(1, 0, 1, block(...get))]);
    for (const [greeting, more] of [
      [Buffer.from('PRI'), ''],
      [undefined, ''],
      [undefined, begun],
    ] as const) {
      const client = new RawClient(() => {}, greeting);
      await client.send(Buffer.from(more as string));
      client.server.look(performance.now() + 5000);
      await client.send();
      assert.equal(client.goaway, undefined);
      client.server.look(performance.now() + 11_000);
      await client.send();
      assert.equal(client.goaway, errorCode.settingsTimeout);
    }
  });
});
