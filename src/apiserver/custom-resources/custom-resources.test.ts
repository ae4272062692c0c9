import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { until } from '../../../test/cluster/fixture/until.ts';
import { startTestServer, type TestServer } from '../testing/start-server.ts';

const schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1 },
        color: { type: 'string', default: 'red', enum: ['red', 'blue'] },
        port: { 'x-kubernetes-int-or-string': true },
        limit: { type: 'integer' },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, n: { type: 'integer' } },
          },
        },
      },
      'x-kubernetes-validations': [
        {
          rule: '!has(self.limit) || self.size <= self.limit',
          messageExpression: '"size must be at most " + string(self.limit)',
        },
        {
          rule: 'self.size >= oldSelf.size',
          message: 'may not shrink',
          fieldPath: '.size',
          reason: 'FieldValueForbidden',
        },
      ],
    },
    status: { type: 'object', properties: { size: { type: 'integer' } } },
  },
};

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'boxes.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'boxes', kind: 'Box', shortNames: ['bx'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: schema },
        subresources: { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } },
        additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
        selectableFields: [{ jsonPath: '.spec.color' }],
      },
      { name: 'v1beta1', served: true, storage: false, deprecated: true, schema: { openAPIV3Schema: schema } },
    ],
  },
};

const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const boxes = '/apis/example.com/v1/namespaces/default/boxes';
const box = (name: string, spec: object) => ({ apiVersion: 'example.com/v1', kind: 'Box', metadata: { name }, spec });

async function eventually<T>(ask: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
  let last: T | undefined;
  await until('the answer is as it should be', async () => {
    last = await ask();
    return good(last);
  });
  return last as T;
}

describe('custom resources', () => {
  let api: TestServer;
  before(async () => {
    api = await startTestServer();
    assert.equal((await api.call('POST', definitionsPath, definition)).status, 201);
    await eventually(
      () => api.call('GET', boxes),
      ({ status }) => status === 200,
    );
  });
  after(() => api.server.stop());

  it('establishes a definition and accepts its names', async () => {
    const { body } = await api.call('GET', `${definitionsPath}/boxes.example.com`);
    assert.deepEqual(
      body.status.conditions.map(({ type, status }: { type: string; status: string }) => [type, status]),
      [
        ['NamesAccepted', 'True'],
        ['Established', 'True'],
      ],
    );
    assert.deepEqual(body.status.storedVersions, ['v1']);
    assert.equal(body.status.acceptedNames.listKind, 'BoxList');
  });

  it('defaults, prunes, counts generations and keeps status apart', async () => {
    const created = await api.call('POST', boxes, { ...box('a', { size: 2, junk: 1 }), status: { size: 9 } });
    assert.equal(created.status, 201);
    assert.deepEqual(created.body.spec, { size: 2, color: 'red' });
    assert.equal(created.body.status, undefined);
    assert.equal(created.body.metadata.generation, 1);
    const merge = { 'content-type': 'application/merge-patch+json' };
    const changed = await api.call('PATCH', `${boxes}/a`, { spec: { size: 3 } }, merge);
    assert.equal(changed.body.metadata.generation, 2);
    const status = await api.call('PATCH', `${boxes}/a/status`, { status: { size: 3 }, spec: { size: 9 } }, merge);
    assert.deepEqual([status.body.spec.size, status.body.status.size, status.body.metadata.generation], [3, 3, 2]);
  });

  const refusals: [string, object, string][] = [
    ['a missing field', {}, 'spec.size: Required value'],
    [
      'a wrong type',
      { size: 'big' },
      'Box.example.com "x" is invalid: [spec.size: Invalid value: "string": spec.size in body must be of type integer: "string", <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]',
    ],
    ['a value too small', { size: 0 }, 'spec.size in body should be greater than or equal to 1'],
    [
      'a value of no enum',
      { size: 1, color: 'green' },
      'spec.color: Unsupported value: "green": supported values: "red", "blue"',
    ],
    ['a key twice', { size: 1, ports: [{ name: 'a' }, { name: 'a' }] }, 'spec.ports[1]: Duplicate value: {"name":"a"}'],
    [
      'a broken rule',
      { size: 5, limit: 4 },
      'Box.example.com "x" is invalid: spec: Invalid value: "object": size must be at most 4',
    ],
  ];
  for (const [what, spec, message] of refusals) {
    it(`refuses ${what}`, async () => {
      const { status, body } = await api.call('POST', boxes, box('x', spec));
      assert.equal(status, 422);
      assert.ok(body.message.includes(message), body.message);
    });
  }

  it('compares with the old value in transition rules', async () => {
    const { status, body } = await api.call(
      'PATCH',
      `${boxes}/a`,
      { spec: { size: 1 } },
      { 'content-type': 'application/merge-patch+json' },
    );
    assert.equal(status, 422);
    assert.ok(body.message.includes('spec.size: Forbidden: may not shrink'), body.message);
  });

  it('serves other versions', async () => {
    const { body } = await api.call('GET', '/apis/example.com/v1beta1/namespaces/default/boxes/a');
    assert.equal(body.apiVersion, 'example.com/v1beta1');
  });

  it('scales, selects by field and prints columns', async () => {
    const scale = await api.call('GET', `${boxes}/a/scale`);
    assert.deepEqual([scale.body.spec.replicas, scale.body.status.replicas], [3, 3]);
    const scaled = await api.call('PUT', `${boxes}/a/scale`, { ...scale.body, spec: { replicas: 4 } });
    assert.equal(scaled.status, 200);
    assert.equal((await api.call('GET', `${boxes}?fieldSelector=spec.color=red`)).body.items[0].spec.size, 4);
    assert.equal((await api.call('GET', `${boxes}?fieldSelector=spec.color=blue`)).body.items.length, 0);
    const table = await api.call('GET', boxes, undefined, { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' });
    assert.deepEqual(
      JSON.parse(typeof table.body === 'string' ? table.body : JSON.stringify(table.body)).rows[0].cells,
      ['a', 4],
    );
  });

  it('applies with conflicts by list key', async () => {
    const apply = { 'content-type': 'application/apply-patch+yaml' };
    const one = await api.call(
      'PATCH',
      `${boxes}/s?fieldManager=one`,
      box('s', { size: 1, ports: [{ name: 'a', n: 1 }] }),
      apply,
    );
    assert.equal(one.status, 201);
    const two = await api.call(
      'PATCH',
      `${boxes}/s?fieldManager=two`,
      box('s', { ports: [{ name: 'b', n: 2 }] }),
      apply,
    );
    assert.equal(two.body.spec?.ports?.length, 2, JSON.stringify(two.body));
    const three = await api.call(
      'PATCH',
      `${boxes}/s?fieldManager=two`,
      box('s', { ports: [{ name: 'a', n: 2 }] }),
      apply,
    );
    assert.equal(three.status, 409);
    assert.match(three.body.message, /conflict with "one": \.spec\.ports\[name="a"\]\.n/);
  });

  it('fills in defaults that came after an object was stored', async () => {
    const path = `${definitionsPath}/boxes.example.com`;
    const { body } = await api.call('GET', path);
    const later = structuredClone(body);
    for (const version of later.spec.versions)
      version.schema.openAPIV3Schema.properties.spec.properties.late = { type: 'string', default: 'yes' };
    assert.equal((await api.call('PUT', path, later)).status, 200);
    await eventually(
      () => api.call('GET', `${boxes}/a`),
      (answer) => answer.body.spec.late === 'yes',
    );
  });

  it('refuses schemas that are not structural, and rules about fields that do not exist', async () => {
    const bad = structuredClone(definition);
    bad.metadata.name = 'bads.example.com';
    bad.spec.names = { plural: 'bads', kind: 'Bad', shortNames: [] };
    const version = { name: 'v1', served: true, storage: true };
    const send = (openAPIV3Schema: object) =>
      api.call('POST', definitionsPath, {
        ...bad,
        spec: { ...bad.spec, versions: [{ ...version, schema: { openAPIV3Schema } }] },
      });
    const untyped = await send({ type: 'object', properties: { spec: {} } });
    assert.ok(
      untyped.body.message.includes(
        'spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields',
      ),
      untyped.body.message,
    );
  });

  it('deletes all objects with their definition', async () => {
    const { status, body } = await api.call('DELETE', `${definitionsPath}/boxes.example.com`);
    assert.equal(status, 200);
    assert.equal(body.status.conditions.at(-1).type, 'Terminating');
    await eventually(
      () => api.call('GET', `${definitionsPath}/boxes.example.com`),
      (answer) => answer.status === 404,
    );
    assert.equal((await api.call('GET', boxes)).status, 404);
  });
});

describe('apply on /scale', () => {
  it('owns the replicas, and conflicts with who set them', async () => {
    const api = await startTestServer();
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const path = '/apis/apps/v1/namespaces/default/deployments';
    const spec = { replicas: 1, selector: { matchLabels: { a: 'b' } }, template };
    assert.equal((await api.call('POST', `${path}?fieldManager=one`, { metadata: { name: 'd' }, spec })).status, 201);
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'd' }, spec: { replicas: 3 } };
    const refused = await api.call('PATCH', `${path}/d/scale?fieldManager=two`, scale, headers);
    assert.equal(refused.status, 409, JSON.stringify(refused.body));
    const forced = await api.call('PATCH', `${path}/d/scale?fieldManager=two&force=true`, scale, headers);
    assert.deepEqual([forced.status, forced.body.spec], [200, { replicas: 3 }]);
    const { body } = await api.call('GET', `${path}/d`);
    const entry = body.metadata.managedFields.find(({ manager }: { manager: string }) => manager === 'two');
    assert.deepEqual(
      [entry.subresource, entry.operation, entry.fieldsV1],
      ['scale', 'Apply', { 'f:spec': { 'f:replicas': {} } }],
    );
    await api.server.stop();
  });
});
