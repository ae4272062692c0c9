import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { compression } from './filters/compression.ts';
import type { ServerRequest, ServerResponse } from './http/exchange.ts';
import { startTestServer, type TestServer } from './testing/start-server.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const data = {
  date: '2026-01-01T00:00:00Z',
  yes: 'yes',
  octal: '0777',
  hex: '0x1f',
  text: 'a\nb\n',
  long: 'x y '.repeat(60),
};

let server: TestServer;

before(async () => {
  server = await startTestServer();
  await server.call('POST', maps, { metadata: { name: 'a' }, data });
});

const get = (accept: string, target = `${maps}/a`, headers: Record<string, string> = {}) =>
  server.call('GET', target, undefined, { accept, ...headers });

describe('the form of an answer', () => {
  const rows: [accept: string, target: string, status: number, type: string, kind: RegExp][] = [
    ['', `${maps}/a`, 200, 'application/json', /"kind":"ConfigMap"/],
    ['*/*', `${maps}/a`, 200, 'application/json', /"kind":"ConfigMap"/],
    ['application/*', `${maps}/a`, 200, 'application/json', /"kind":"ConfigMap"/],
    ['text/html, application/json;q=0.1', `${maps}/a`, 200, 'application/json', /"kind":"ConfigMap"/],
    ['application/json;q=0.1, application/yaml', `${maps}/a`, 200, 'application/yaml', /^kind: ConfigMap\n/],
    ['application/vnd.kubernetes.protobuf', `${maps}/a`, 200, 'application/vnd.kubernetes.protobuf', /^k8s\0/],
    ['application/json;as=Table;v=v1;g=meta.k8s.io', maps, 200, 'application/json', /"kind":"Table"/],
    ['application/yaml;as=Table;v=v1;g=meta.k8s.io', maps, 200, 'application/yaml', /^kind: Table\n/],
    [
      'application/json;as=Table;v=v9;g=meta.k8s.io,application/json',
      maps,
      200,
      'application/json',
      /"kind":"ConfigMapList"/,
    ],
    [
      'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
      `${maps}/a`,
      200,
      'application/json',
      /"kind":"PartialObjectMetadata",.*(?<!"data":.*)$/s,
    ],
    [
      'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
      maps,
      200,
      'application/json',
      /"kind":"PartialObjectMetadataList"/,
    ],
    [
      'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
      maps,
      200,
      'application/vnd.kubernetes.protobuf',
      /PartialObjectMetadataList/,
    ],
    ['text/html', `${maps}/a`, 406, 'application/json', /only the following media types are accepted/],
    ['application/cbor', `${maps}/a`, 406, 'application/json', /"reason":"NotAcceptable"/],
    ['application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io', maps, 406, 'application/json', /"code":406/],
    ['application/json;as=Table;v=v9;g=meta.k8s.io', maps, 406, 'application/json', /"code":406/],
  ];
  for (const [accept, target, status, type, kind] of rows)
    it(`for ${JSON.stringify(accept)} is ${status}, ${type}`, async () => {
      const answer = await get(accept, target);
      const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
      assert.deepEqual([answer.status, answer.headers['content-type']], [status, type], text);
      assert.match(text, kind);
    });

  it('as YAML reads the same, even to those who read YAML 1.1', async () => {
    const { body } = await get('application/yaml');
    for (const version of ['1.1', '1.2'] as const) assert.deepEqual(parse(body, { version }).data, data);
  });

  it('is indented for people, and for those who ask', async () => {
    const transport = server.server.transport({ name: 'ann', groups: [] });
    const text = async (query: string, agent: string) => {
      const headers = { 'user-agent': agent };
      const answer = await transport.request({ method: 'GET', path: `${maps}/a${query}`, headers });
      return (await answer.text()).split('\n').length > 5;
    };
    assert.deepEqual(
      [
        await text('', 'kubectl'),
        await text('?pretty=true', 'kubectl'),
        await text('', 'curl/8.0'),
        await text('?pretty=false', 'curl/8.0'),
        await text('', 'Mozilla/5.0 (X11)'),
      ],
      [false, true, true, false, true],
    );
  });

  it('is compressed only when it is long, and only for those who can unpack it', async () => {
    const body = Buffer.alloc(200_000, 'x');
    const answer = (content: ServerResponse['body']) => async () => ({ status: 200, headers: {}, body: content });
    const ask = (accept: string, content: ServerResponse['body']) =>
      compression(answer(content))({ headers: { 'accept-encoding': accept } } as unknown as ServerRequest);
    const long = await ask('br, gzip', body);
    assert.equal(long.headers['content-encoding'], 'gzip');
    assert.deepEqual(gunzipSync(long.body as Buffer), body);
    for (const [accept, content] of [
      ['gzip', body.subarray(0, 1000)],
      ['gzip;q=0', body],
      ['br', body],
    ] as const)
      assert.equal((await ask(accept, content)).headers['content-encoding'], undefined, accept);
  });
});

describe('the form of a body', () => {
  const rows: [type: string, body: string, status: number, message: RegExp][] = [
    [
      'text/plain',
      '{}',
      415,
      /accepted media types include: application\/json, application\/yaml, application\/vnd.kubernetes.protobuf$/,
    ],
    ['application/x-www-form-urlencoded', '{}', 415, /unknown format/],
    ['application/cbor', '{}', 415, /unknown format/],
    ['application/*', '{}', 415, /unknown format/],
    ['application/json', '{', 400, /json parse error/],
    ['application/yaml', '{', 400, /error converting YAML to JSON/],
    ['application/vnd.kubernetes.protobuf', '{}', 400, /./],
    ['application/json', '[]', 400, /cannot unmarshal array/],
    ['application/json', '{"kind":"Pod"}', 400, /Pod in version "v1" cannot be handled as a ConfigMap/],
    ['application/json', '{"apiVersion":"v2"}', 400, /the API version in the data \(v2\) does not match/],
  ];
  for (const [type, body, status, message] of rows)
    it(`${type} ${body}: ${status}`, async () => {
      const answer = await server.call('POST', maps, body, { 'content-type': type });
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.match(answer.body.message, message);
    });

  it('may be named with a charset, and in capitals', async () => {
    const body = { metadata: { name: 'b' } };
    assert.equal(
      (await server.call('POST', maps, body, { 'content-type': 'Application/JSON; charset=utf-8' })).status,
      201,
    );
  });

  it('is told to a patch that has none of the four', async () => {
    const answer = await server.call('PATCH', `${maps}/a`, {}, { 'content-type': 'application/json' });
    assert.equal(answer.status, 415);
    assert.match(answer.body.message, /json-patch\+json, application\/merge-patch\+json, .*apply-patch\+yaml/);
  });
});
