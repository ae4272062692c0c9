import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeProtobuf } from '../../src/api/protobuf/envelope.ts';
import { pods } from '../../src/api/resource.ts';
import { startTestServer, type TestServer } from '../../src/apiserver/testing/start-server.ts';
import { fuzz } from '../../src/base/testing/fuzz.ts';
import { anyJson, objectOf, oddText } from './fixture/arbitrary-object.ts';

const refusals = new Set([400, 404, 409, 413, 415, 422]);
const deployments = '/apis/apps/v1/namespaces/default/deployments';

let server: TestServer;

before(async () => {
  server = await startTestServer();
});
after(() => server.server.stop());

const containers = [{ name: 'a', image: 'x', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: '1' }] }];
const deployment = {
  metadata: { name: 'd', labels: { app: 'd' } },
  spec: {
    selector: { matchLabels: { app: 'd' } },
    template: { metadata: { labels: { app: 'd' } }, spec: { containers } },
  },
};

beforeEach(async () => {
  await server.call('DELETE', `${deployments}/d`);
  assert.equal((await server.call('POST', deployments, deployment)).status, 201);
});

/** Sends a patch: the answer is the new object or a refusal, and what is stored is what was answered, or as before. */
async function patch(type: string, body: unknown, query = ''): Promise<void> {
  const { body: before } = await server.call('GET', `${deployments}/d`);
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await server.call('PATCH', `${deployments}/d${query}`, text, { 'content-type': type });
  const { body: now } = await server.call('GET', `${deployments}/d`);
  if (answer.status === 200) return assert.deepEqual(now, answer.body);
  // Kubernetes has no code of its own for some patches that make no sense (src/api/patch/patch-error.ts): 500, and no reason.
  const unclassified = answer.status === 500 && answer.body.reason === '';
  const shown = `${type} ${text}: ${answer.status} ${JSON.stringify(answer.body)}`;
  assert.ok(unclassified || refusals.has(answer.status), shown);
  assert.equal(answer.body.kind, 'Status');
  assert.deepEqual(now, before, text);
}

const pointer = fc
  .array(
    fc.constantFrom(
      'spec',
      'template',
      'containers',
      '0',
      '-',
      'metadata',
      'labels',
      'app',
      '~1',
      '~',
      '',
      '99',
      '__proto__',
    ),
  )
  .map((parts) => parts.map((part) => `/${part}`).join(''));
const operation = fc.record(
  {
    op: fc.oneof(fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'other'), anyJson),
    path: fc.oneof({ arbitrary: pointer, weight: 5 }, { arbitrary: anyJson, weight: 1 }),
    from: pointer,
    value: anyJson,
  },
  { requiredKeys: ['op', 'path'] },
);

/** A patch of the shape of a Deployment, with directives here and there. */
const directives = fc.dictionary(
  fc.constantFrom(
    '$patch',
    '$retainKeys',
    '$deleteFromPrimitiveList/args',
    '$setElementOrder/containers',
    '$setElementOrder/env',
  ),
  fc.oneof(fc.constantFrom('delete', 'replace', 'merge', 'x'), anyJson),
  { maxKeys: 1 },
);
const container = fc
  .tuple(
    fc.record(
      { name: fc.constantFrom('a', 'b'), image: oddText, env: anyJson, args: fc.array(oddText) },
      { requiredKeys: [] },
    ),
    directives,
  )
  .map(([fields, more]) => ({ ...fields, ...more }));
const shaped = fc
  .record(
    {
      metadata: fc.oneof(
        fc.record({ labels: anyJson, annotations: anyJson, finalizers: anyJson }, { requiredKeys: [] }),
        anyJson,
      ),
      spec: fc.record(
        {
          replicas: anyJson,
          strategy: fc
            .tuple(fc.record({ type: fc.constantFrom('Recreate', 'RollingUpdate') }), directives)
            .map(([a, b]) => ({ ...a, ...b })),
          template: fc.record({ spec: fc.record({ containers: fc.array(container, { maxLength: 3 }) }) }),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  )
  .chain((fields) => directives.map((more) => ({ ...fields, ...more })));

const options = fuzz(250);

describe('whatever a patch holds, the object is changed as a whole or not at all', () => {
  it('JSON patch', () =>
    fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 4 }), (body) => patch('application/json-patch+json', body)),
      options,
    ));

  for (const type of ['application/merge-patch+json', 'application/strategic-merge-patch+json'])
    it(type, () =>
      fc.assert(
        fc.asyncProperty(fc.oneof(shaped, anyJson), (body) => patch(type, body)),
        options,
      ),
    );

  it('server-side apply', () =>
    fc.assert(
      fc.asyncProperty(fc.oneof(shaped, anyJson), fc.boolean(), (body, force) => {
        const typed = body !== null && typeof body === 'object' && !Array.isArray(body);
        const all = typed ? { apiVersion: 'apps/v1', kind: 'Deployment', ...body } : body;
        return patch('application/apply-patch+yaml', all, `?fieldManager=fuzz&force=${force}`);
      }),
      options,
    ));

  it('any text', () =>
    fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string(), fc.constantFrom('{', '[', 'null', '[{}]', '{"a":1,"a":2}', '\ufeff{}', '"x"')),
        fc.constantFrom(
          'json-patch+json',
          'merge-patch+json',
          'strategic-merge-patch+json',
          'apply-patch+yaml',
          'json',
        ),
        (text, type) => patch(`application/${type}`, text, '?fieldManager=fuzz'),
      ),
      options,
    ));
});

describe('whatever bytes come as protobuf', () => {
  const path = '/api/v1/namespaces/default/pods';
  const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' };
  const send = async (bytes: Uint8Array) => {
    const response = await server.server
      .transport({ name: 'admin', groups: ['system:masters'] })
      .request({ method: 'POST', path, headers, body: bytes });
    const text = await response.text();
    assert.ok(
      response.status === 201 || refusals.has(response.status),
      `${Buffer.from(bytes).toString('hex')}: ${text}`,
    );
  };
  const magic = Buffer.from('k8s\0');

  it('they are a Pod or refused', () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, marked) =>
        send(marked ? Buffer.concat([magic, bytes]) : bytes),
      ),
      options,
    ));

  it('so is a Pod with some bytes changed', () =>
    fc.assert(
      fc.asyncProperty(
        objectOf(pods, 'p'),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }),
        fc.option(fc.nat()),
        (object, changes, cut) => {
          let bytes: Buffer;
          try {
            bytes = Buffer.from(encodeProtobuf(pods.type, 'v1', 'Pod', object));
          } catch {
            // What cannot be a Pod at all has no such form.
            return Promise.resolve();
          }
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          return send(cut === null ? bytes : bytes.subarray(0, cut % bytes.length));
        },
      ),
      options,
    ));
});
