import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fuzz } from '../../../../base/testing/fuzz.ts';
import { ConnectionError } from '../protocol.ts';
import { HpackDecoder } from './decoder.ts';
import { HpackEncoder } from './encoder.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const pairs = (decoder: HpackDecoder, text: string) =>
  decoder.decode(hex(text)).map(({ name, value }) => [name, value]);
const firstRequest = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
];
const date = 'Mon, 21 Oct 2013 20:13:21 GMT';

describe('HPACK decodes the examples of RFC 7541 appendix C', () => {
  const single: [section: string, text: string, field: [string, string]][] = [
    ['C.2.1', '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', ['custom-key', 'custom-header']],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', [':path', '/sample/path']],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', ['password', 'secret']],
    ['C.2.4', '82', [':method', 'GET']],
  ];
  for (const [section, text, field] of single)
    it(section, () => assert.deepEqual(pairs(new HpackDecoder(), text), [field]));

  const requests = {
    'C.3, requests without Huffman codes': [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    'C.4, requests with Huffman codes': [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
  };
  for (const [section, [first, second, third]] of Object.entries(requests))
    it(section, () => {
      const decoder = new HpackDecoder();
      assert.deepEqual(pairs(decoder, first!), firstRequest);
      assert.deepEqual(pairs(decoder, second!), [...firstRequest, ['cache-control', 'no-cache']]);
      assert.deepEqual(pairs(decoder, third!), [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':path', '/index.html'],
        [':authority', 'www.example.com'],
        ['custom-key', 'custom-value'],
      ]);
    });

  const responses = {
    'C.5, responses without Huffman codes, of whose fields some are evicted': [
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '4803 3330 37c1 c0bf',
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
    ],
    'C.6, responses with Huffman codes, of whose fields some are evicted': [
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    ],
  };
  for (const [section, [first, second, third]] of Object.entries(responses))
    it(section, () => {
      const decoder = new HpackDecoder(256);
      const [location, cookie] = [
        'https://www.example.com',
        'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
      ];
      const rest = (when: string) => [
        ['cache-control', 'private'],
        ['date', when],
        ['location', location],
      ];
      assert.deepEqual(pairs(decoder, first!), [[':status', '302'], ...rest(date)]);
      assert.deepEqual(pairs(decoder, second!), [[':status', '307'], ...rest(date)]);
      assert.deepEqual(pairs(decoder, third!), [
        [':status', '200'],
        ...rest(date.replace(':21 GMT', ':22 GMT')),
        ['content-encoding', 'gzip'],
        ['set-cookie', cookie],
      ]);
    });
});

describe('HPACK refuses', () => {
  const cases: [what: string, text: string][] = [
    ['index 0 (section 6.1)', '80'],
    ['an index beyond both tables (section 2.3.3)', 'be'],
    ['an index that is far too large', 'ff ff ff ff 7f'],
    ['an integer without an end (section 5.1)', 'ff 80 80 80 80 80 00'],
    ['a string that goes past the block', '00 05 61'],
    ['a literal without a value', '00 01 61'],
    ['a table larger than allowed (section 6.3)', '3f e2 1f'],
    ['a table size update after a field (section 4.2)', '82 20'],
    ['a Huffman code padded by zeros (section 5.2)', '00 81 18 00'],
    ['a Huffman code padded by more than seven bits (section 5.2)', '00 82 1f ff 00'],
    ['a Huffman code of EOS (section 5.2)', '00 84 ff ff ff ff 00'],
  ];
  for (const [what, text] of cases)
    it(what, () =>
      assert.throws(
        () => new HpackDecoder().decode(hex(text)),
        (error) => error instanceof ConnectionError && error.code === 9,
      ),
    );

  it('nothing else whatever bytes come', () => {
    const decoder = new HpackDecoder();
    const check = (bytes: Uint8Array) => {
      try {
        decoder.decode(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof ConnectionError, String(error));
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), fuzz(5000));
  });
});

describe('the HPACK encoder', () => {
  const name = fc.constantFrom('content-type', 'date', 'audit-id', 'set-cookie', 'x-a', 'x-b', 'warning');
  const value = fc.oneof(
    fc.constantFrom('a', 'b', '', 'application/json'),
    fc.string({ maxLength: 300 }).map((text) => text.replaceAll(/[^\x21-\x7e]/g, '_')),
  );
  const answer = fc.record({
    status: fc.constantFrom(200, 201, 404, 429, 500),
    headers: fc.dictionary(name, value),
    tableSize: fc.option(fc.constantFrom(0, 100, 1000, 4096, 100_000), { nil: undefined }),
  });

  it('is understood, whatever the size of the table and however it changes', () => {
    const check = (answers: { status: number; headers: Record<string, string>; tableSize: number | undefined }[]) => {
      const [encoder, decoder] = [new HpackEncoder(), new HpackDecoder()];
      for (const { status, headers, tableSize } of answers) {
        if (tableSize !== undefined) encoder.resize(tableSize);
        const fields = decoder.decode(Buffer.from(encoder.encode(status, headers)));
        const expected = [[':status', String(status)], ...Object.entries(headers)];
        assert.deepEqual(
          fields.map((field) => [field.name, field.value]),
          expected,
        );
      }
    };
    fc.assert(fc.property(fc.array(answer, { maxLength: 30 }), check), fuzz(300));
  });

  it('repeats itself in a byte a field', () => {
    const encoder = new HpackEncoder();
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-cache, private' };
    const first = encoder.encode(200, headers).length;
    assert.ok(first > 30, String(first));
    assert.equal(encoder.encode(200, headers).length, 3);
  });

  it('leaves out what would break the answer, or is of HTTP/1', () => {
    const [encoder, decoder] = [new HpackEncoder(), new HpackDecoder()];
    const headers = {
      'x-a': 'a\r\nb: c',
      'x b': 'a',
      Connection: 'close',
      'transfer-encoding': 'chunked',
      'X-C': 'é☃',
    };
    const fields = decoder.decode(Buffer.from(encoder.encode(204, headers)));
    assert.deepEqual(
      fields.map((field) => [field.name, field.value]),
      [
        [':status', '204'],
        ['x-c', Buffer.from('é☃').toString('latin1')],
      ],
    );
  });

  it('lets nobody keep cookies (section 7.1.3)', () => {
    assert.equal(new HpackEncoder().encode(200, { 'set-cookie': 'a=b' })[1]! & 0xf0, 0x10);
  });
});
