import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCode, flag, frameType, largestWindow, preface } from './protocol.ts';
import type { ServerStream } from './stream.ts';
import { block, frame, get, headers, number, post, RawClient, settings } from './testing/raw-client.ts';

const { data, rstStream, ping, goaway, windowUpdate, continuation, pushPromise, priority } = frameType;
const update = (id: number, bytes: number) => frame(windowUpdate, 0, id, number(bytes, 4));
const reset = (id: number) => frame(rstStream, 0, id, number(errorCode.cancel, 4));
const open = headers(1, post, 0);
const stay = () => {};

/** A client that has opened stream 1, with its body still to come unless `frames` say otherwise. */
async function after(...frames: Buffer[]): Promise<RawClient> {
  const client = new RawClient(stay);
  await client.send(...frames);
  return client;
}

describe('a connection ends, as RFC 9113 says', () => {
  const cases: [what: string, code: number, frames: Buffer[]][] = [
    ['by a frame of more than 16 KiB (4.2)', errorCode.frameSizeError, [frame(data, 0, 1, Buffer.alloc(16_385))]],
    ['by a header block that HPACK cannot read (4.3)', errorCode.compressionError, [frame(1, 5, 1, '\x80')]],
    ['by DATA on an idle stream (5.1)', errorCode.protocolError, [frame(data, 1, 1, 'a')]],
    ['by RST_STREAM on an idle stream (6.4)', errorCode.protocolError, [reset(1)]],
    ['by WINDOW_UPDATE on an idle stream (5.1)', errorCode.protocolError, [update(1, 1)]],
    ['by DATA on a closed stream (5.1)', errorCode.streamClosed, [open, reset(1), frame(data, 0, 1, 'a')]],
    ['by HEADERS on a closed stream (5.1)', errorCode.streamClosed, [open, reset(1), headers(1, get)]],
    ['by a stream of the server (5.1.1)', errorCode.protocolError, [headers(2, get)]],
    ['by a stream that is lower than the last (5.1.1)', errorCode.streamClosed, [headers(5, get), headers(3, get)]],
    ['by DATA on stream 0 (6.1)', errorCode.protocolError, [frame(data, 0, 0, 'a')]],
    [
      'by DATA that is all padding and more (6.1)',
      errorCode.protocolError,
      [open, frame(data, flag.padded, 1, '\x05a')],
    ],
    ['by HEADERS on stream 0 (6.2)', errorCode.protocolError, [headers(0, get)]],
    ['by HEADERS that is all padding (6.2)', errorCode.protocolError, [frame(1, flag.padded | 5, 1, '\x05a')]],
    ['by HEADERS without their priority', errorCode.frameSizeError, [frame(1, flag.priority | 5, 1, 'abc')]],
    ['by PRIORITY on stream 0 (6.3)', errorCode.protocolError, [frame(priority, 0, 0, 'abcde')]],
    ['by RST_STREAM on stream 0 (6.4)', errorCode.protocolError, [reset(0)]],
    ['by RST_STREAM of three bytes (6.4)', errorCode.frameSizeError, [open, frame(rstStream, 0, 1, 'abc')]],
    ['by SETTINGS on a stream (6.5)', errorCode.protocolError, [frame(4, 0, 1)]],
    ['by SETTINGS of five bytes (6.5)', errorCode.frameSizeError, [frame(4, 0, 0, 'abcde')]],
    ['by SETTINGS with ACK and more (6.5)', errorCode.frameSizeError, [frame(4, 1, 0, 'abcdef')]],
    ['by ENABLE_PUSH of 2 (6.5.2)', errorCode.protocolError, [settings([2, 2])]],
    ['by INITIAL_WINDOW_SIZE of 2^31 (6.5.2)', errorCode.flowControlError, [settings([4, 2 ** 31])]],
    ['by MAX_FRAME_SIZE of 16,383 (6.5.2)', errorCode.protocolError, [settings([5, 16_383])]],
    ['by MAX_FRAME_SIZE of 2^24 (6.5.2)', errorCode.protocolError, [settings([5, 2 ** 24])]],
    ['by PUSH_PROMISE (8.4)', errorCode.protocolError, [frame(pushPromise, 4, 1, 'abcd')]],
    ['by PING on a stream (6.7)', errorCode.protocolError, [frame(ping, 0, 1, 'abcdefgh')]],
    ['by PING of seven bytes (6.7)', errorCode.frameSizeError, [frame(ping, 0, 0, 'abcdefg')]],
    ['by GOAWAY on a stream (6.8)', errorCode.protocolError, [frame(goaway, 0, 1, 'abcdefgh')]],
    ['by WINDOW_UPDATE of nothing (6.9)', errorCode.protocolError, [update(0, 0)]],
    ['by WINDOW_UPDATE of five bytes (6.9)', errorCode.frameSizeError, [frame(windowUpdate, 0, 0, 'abcde')]],
    ['by a window of more than 2^31-1 (6.9.1)', errorCode.flowControlError, [update(0, largestWindow)]],
    [
      "by settings that make a stream's window so large (6.9.2)",
      errorCode.flowControlError,
      [open, update(1, largestWindow - 65_535), settings([4, 65_536])],
    ],
    ['by CONTINUATION of nothing (6.10)', errorCode.protocolError, [frame(continuation, 4, 1)]],
    ['by CONTINUATION after the end of a block (6.10)', errorCode.protocolError, [open, frame(continuation, 4, 1)]],
    [
      'by another frame within a header block (6.10)',
      errorCode.protocolError,
      [frame(1, 0, 1, block(...get)), frame(ping, 0, 0, 'abcdefgh')],
    ],
    [
      'by a CONTINUATION of another stream (6.10)',
      errorCode.protocolError,
      [frame(1, 0, 1, block(...get)), frame(continuation, 4, 3)],
    ],
    ['by an unknown frame within a header block (5.5)', errorCode.protocolError, [frame(1, 0, 1), frame(99, 0, 0)]],
    [
      'by CONTINUATIONs without end (10.5)',
      errorCode.enhanceYourCalm,
      [frame(1, 0, 1), ...Array(40).fill(frame(9, 0, 1))],
    ],
    [
      'by a header block of more than 64 KiB',
      errorCode.enhanceYourCalm,
      [frame(1, 0, 1), ...Array(5).fill(frame(9, 0, 1, Buffer.alloc(16_000)))],
    ],
    [
      'by more DATA than the window (6.9.1)',
      errorCode.flowControlError,
      [1, 3, 5, 7, 9].flatMap((id) => [
        headers(id, post, 0),
        ...Array(60).fill(frame(data, 0, id, Buffer.alloc(16_384))),
      ]),
    ],
  ];
  for (const [what, code, frames] of cases)
    it(what, async () => {
      const client = await after(...frames);
      assert.equal(client.goaway, code);
      assert.ok(client.closed);
    });

  it('by a preface that is none (3.4)', async () => {
    for (const greeting of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.from('PRI * HTTP/2.1')]) {
      const client = new RawClient(stay, greeting);
      await client.send();
      assert.equal(client.goaway, errorCode.protocolError);
    }
  });

  it('by a first frame that is not SETTINGS (3.4)', async () => {
    for (const first of [frame(ping, 0, 0, 'abcdefgh'), frame(4, flag.ack, 0)]) {
      const client = new RawClient(stay, Buffer.concat([preface, first]));
      await client.send();
      assert.equal(client.goaway, errorCode.protocolError);
    }
  });
});

describe('a stream ends, and its connection goes on, as RFC 9113 says', () => {
  const field = (name: string, value: string): [string, string][] => [...get, [name, value]];
  const without = (name: string) => get.filter(([one]) => one !== name);
  const malformed: [what: string, fields: [string, string][]][] = [
    ['a name in capitals (8.2.1)', field('Accept', 'a')],
    ['a name with a space (8.2.1)', field('a b', 'a')],
    ['no name (8.2.1)', field('', 'a')],
    ['a line feed in a value (8.2.1)', field('a', 'b\nc')],
    ['a NUL in a value (8.2.1)', field('a', 'b\0')],
    ['a space before a value (8.2.1)', field('a', ' b')],
    ['connection (8.2.2)', field('connection', 'close')],
    ['keep-alive (8.2.2)', field('keep-alive', '5')],
    ['transfer-encoding (8.2.2)', field('transfer-encoding', 'chunked')],
    ['upgrade (8.2.2)', field('upgrade', 'websocket')],
    ['te other than trailers (8.2.2)', field('te', 'gzip')],
    ['an unknown pseudo-header (8.3)', [[':protocol', 'websocket'], ...get]],
    ["an answer's pseudo-header (8.3)", [[':status', '200'], ...get]],
    ['a pseudo-header after a field (8.3)', [['a', 'b'], ...get]],
    ['a pseudo-header twice (8.3)', [...get, [':path', '/b']]],
    ['no :method (8.3.1)', without(':method')],
    ['no :scheme (8.3.1)', without(':scheme')],
    ['no :path (8.3.1)', without(':path')],
    ['an empty :path (8.3.1)', [...without(':path'), [':path', '']]],
    ['a :path without its slash (8.3.1)', [...without(':path'), [':path', 'a']]],
    ['no authority (8.3.1)', without(':authority')],
    ['an authority with a user (8.3.1)', [...without(':authority'), [':authority', 'a@b']]],
    ['a host that is not the authority (8.3.1)', field('host', 'other')],
    ['two hosts', [...without(':authority'), ['host', 'a'], ['host', 'a']]],
    ['CONNECT with a path (8.5)', [[':method', 'CONNECT'], ...get.slice(1)]],
    ['two lengths (8.1.1)', [...get, ['content-length', '0'], ['content-length', '1']]],
    ['a length that is no number (8.1.1)', field('content-length', '0x1')],
    ['a negative length (8.1.1)', field('content-length', '-1')],
    ['a length without a body (8.1.1)', field('content-length', '1')],
  ];
  for (const [what, fields] of malformed)
    it(`by ${what}`, async () => {
      const seen: ServerStream[] = [];
      const client = new RawClient((stream) => seen.push(stream));
      await client.send(headers(1, fields));
      assert.deepEqual(client.resets, [[1, errorCode.protocolError]]);
      assert.deepEqual(seen, []);
      await client.send(headers(3, get));
      assert.equal(seen.length, 1);
      assert.equal(client.goaway, undefined);
    });

  const cases: [what: string, code: number, frames: Buffer[]][] = [
    ['DATA after the end (5.1)', errorCode.streamClosed, [headers(1, post), frame(data, 0, 1, 'a')]],
    ['HEADERS after the end (5.1)', errorCode.streamClosed, [headers(1, post), headers(1, get)]],
    ['PRIORITY of four bytes (6.3)', errorCode.frameSizeError, [open, frame(priority, 0, 1, 'abcd')]],
    ['WINDOW_UPDATE of nothing (6.9)', errorCode.protocolError, [open, update(1, 0)]],
    ['a window of more than 2^31-1 (6.9.1)', errorCode.flowControlError, [open, update(1, largestWindow)]],
    [
      'more DATA than its window (6.9.1)',
      errorCode.flowControlError,
      [open, ...Array(65).fill(frame(data, 0, 1, Buffer.alloc(16_384)))],
    ],
    ['trailers that do not end it (8.1)', errorCode.protocolError, [open, headers(1, [['a', 'b']], 0)]],
    ['trailers with a pseudo-header (8.1)', errorCode.protocolError, [open, headers(1, [[':path', '/']])]],
    [
      'more than its content-length (8.1.1)',
      errorCode.protocolError,
      [headers(1, [...post, ['content-length', '1']], 0), frame(data, 0, 1, 'ab')],
    ],
    [
      'less than its content-length (8.1.1)',
      errorCode.protocolError,
      [headers(1, [...post, ['content-length', '3']], 0), frame(data, 1, 1, 'ab')],
    ],
  ];
  for (const [what, code, frames] of cases)
    it(`by ${what}`, async () => {
      const client = await after(...frames);
      assert.deepEqual(client.resets, [[1, code]]);
      assert.equal(client.goaway, undefined);
    });

  it("and leaves the others the connection's window", async () => {
    const start = [...post, ['content-length', '1']] as [string, string][];
    const tooMuch = (id: number) => [headers(id, start, 0), frame(data, 0, id, Buffer.alloc(16_384))];
    const client = await after(...Array.from({ length: 300 }, (_, n) => tooMuch(2 * n + 1)).flat());
    assert.equal(client.resets.length, 300);
    assert.equal(client.goaway, undefined);
  });

  it('by too many streams at once: refused, so that it may be tried again (5.1.2)', async () => {
    const client = new RawClient(stay);
    for (let n = 0; n <= 1000; n++) client.socket.write(headers(2 * n + 1, get));
    await client.send();
    assert.deepEqual(client.resets, [[2001, errorCode.refusedStream]]);
  });

  it('by fields of more than 64 KiB, though their block is short: 431 (RFC 6585)', async () => {
    const client = await after();
    // The field is put into the table, and then named forty times in a byte each.
    const once = Buffer.concat([Buffer.from('\x40\x01a\x7f\xb9\x16', 'latin1'), Buffer.from('b'.repeat(3000))]);
    await client.send(frame(1, 5, 3, Buffer.concat([block(...get), once, Buffer.alloc(40, 0xbe)])));
    assert.equal(client.goaway, undefined);
    const answer = client.of(frameType.headers).at(-1)!;
    assert.deepEqual([answer.id, client.decoder.decode(answer.payload)[0]!.value], [3, '431']);
  });
});

describe('what costs a peer nothing may not be done for ever', () => {
  const cases: [what: string, frames: Buffer][] = [
    ['pings', Buffer.concat(Array(10_100).fill(frame(ping, 0, 0, 'abcdefgh')))],
    ['settings', Buffer.concat(Array(10_100).fill(settings()))],
    ['priorities', Buffer.concat(Array(10_100).fill(frame(priority, 0, 1, 'abcde')))],
    ['empty DATA', Buffer.concat([open, ...Array(10_100).fill(frame(data, 0, 1))])],
    ['frames that nobody knows', Buffer.concat(Array(10_100).fill(frame(77, 0, 0, 'a')))],
    [
      'streams that are opened and reset (CVE-2023-44487)',
      Buffer.concat(Array.from({ length: 1100 }, (_, n) => Buffer.concat([headers(2 * n + 1, get), reset(2 * n + 1)]))),
    ],
    [
      'streams that we are made to reset (CVE-2025-8671)',
      Buffer.concat(
        Array.from({ length: 1100 }, (_, n) => Buffer.concat([headers(2 * n + 1, post, 0), update(2 * n + 1, 0)])),
      ),
    ],
  ];
  for (const [what, frames] of cases)
    it(what, async () => {
      const client = await after(frames);
      for (let turns = 0; turns < 100 && !client.closed; turns++) await client.send();
      assert.equal(client.goaway, errorCode.enhanceYourCalm);
      assert.ok(client.closed);
    });
});

describe('what is no error', () => {
  const cases: [what: string, frames: Buffer[]][] = [
    ['frames of unknown types and flags (4.1)', [frame(0xbb, 0xff, 0, 'abc'), frame(ping, 0xfe, 0, 'abcdefgh')]],
    ['unknown settings (6.5.2)', [settings([0x99, 7])]],
    [
      'a block over several frames (6.10)',
      [frame(1, 1, 1, block(...get)), frame(9, 0, 1), frame(9, 4, 1, block(['a', 'b']))],
    ],
    [
      'padding and a priority (6.2)',
      [frame(1, 0x2d, 1, Buffer.concat([number(2, 1), Buffer.alloc(5), block(...get), Buffer.alloc(2)]))],
    ],
    ['PRIORITY on whatever stream (5.1)', [frame(priority, 0, 99, 'abcde'), open, frame(priority, 0, 1, 'abcde')]],
    ['trailers (8.1)', [open, frame(data, 0, 1, 'a'), headers(1, [['checksum', 'abc']])]],
    ['RST_STREAM and WINDOW_UPDATE on a closed stream (5.1)', [open, reset(1), reset(1), update(1, 1)]],
    ['the same length twice (RFC 9110 8.6)', [headers(1, [...get, ['content-length', '0'], ['content-length', '0']])]],
    ['te: trailers (8.2.2)', [headers(1, [...get, ['te', 'trailers']])]],
    ['a host that is the authority (8.3.1)', [headers(1, [...get, ['host', 'kubernetes']])]],
    [
      'OPTIONS of everything (8.3.1)',
      [
        headers(1, [
          [':method', 'OPTIONS'],
          [':scheme', 'https'],
          [':path', '*'],
          [':authority', 'a'],
        ]),
      ],
    ],
    [
      'CONNECT (8.5)',
      [
        headers(1, [
          [':method', 'CONNECT'],
          [':authority', 'a:443'],
        ]),
      ],
    ],
  ];
  for (const [what, frames] of cases)
    it(what, async () => {
      const client = await after(...frames, frame(ping, 0, 0, 'are you?'));
      assert.equal(client.goaway, undefined);
      assert.deepEqual(client.resets, []);
      assert.equal(client.of(ping).at(-1)!.payload.toString(), 'are you?');
    });
});
