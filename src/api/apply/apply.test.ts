import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../patch/json-value.ts';
import type { StatusError } from '../status-error.ts';
import { type ApplyRequest, applyObject } from './apply-object.ts';
import { factsSchema } from './facts-schema.ts';
import { setOf } from './field-set.ts';
import type { Entry } from './managed-fields.ts';
import { customResourceSchema } from './openapi-schema.ts';
import { updateManagedFields } from './update-managed-fields.ts';

const deploymentSchema = factsSchema('apps/v1.Deployment');

function deployment(spec: JsonObject, metadata: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', ...metadata },
    spec,
  };
}

function apply(request: Partial<ApplyRequest> & { applied: JsonObject }) {
  return applyObject({
    schema: deploymentSchema,
    live: undefined,
    manager: 'kubectl',
    force: false,
    apiVersion: 'apps/v1',
    subresource: '',
    now: '2024-01-01T00:00:00Z',
    ...request,
  });
}

function stored(result: { object: JsonObject; managedFields: Entry[] }): JsonObject {
  return {
    ...result.object,
    metadata: { ...(result.object.metadata as JsonObject), managedFields: result.managedFields },
  };
}

const container = (name: string, more: JsonObject = {}) => ({ name, image: 'i', ...more });
const template = (...containers: JsonObject[]) => ({ template: { spec: { containers } } });

test('an apply that creates owns exactly what its configuration says', () => {
  const { managedFields, changed } = apply({
    applied: deployment({ replicas: 2, ...template(container('a')) }, { labels: { x: '1' } }),
  });
  assert.equal(changed, true);
  assert.deepEqual(managedFields, [
    {
      manager: 'kubectl',
      operation: 'Apply',
      apiVersion: 'apps/v1',
      time: '2024-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': { 'f:labels': { 'f:x': {} } },
        'f:spec': {
          'f:replicas': {},
          'f:template': {
            'f:spec': { 'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:image': {}, 'f:name': {} } } },
          },
        },
      },
    },
  ]);
});

test('a field that another manager changed is a conflict, in the words of the server', () => {
  const first = stored(apply({ applied: deployment({ replicas: 2, paused: true }) }));
  const scaled = deployment({ replicas: 5, paused: true }, first.metadata as JsonObject);
  const managedFields = updateManagedFields({
    schema: deploymentSchema,
    old: first,
    new: scaled,
    manager: 'scaler',
    subresource: 'scale',
    apiVersion: 'apps/v1',
    now: '2024-01-01T00:00:05Z',
  })!;
  const live = stored({ object: scaled, managedFields });
  assert.deepEqual(
    managedFields.map(({ manager, fieldsV1 }) => [manager, fieldsV1]),
    [
      ['kubectl', { 'f:spec': { 'f:paused': {} } }],
      ['scaler', { 'f:spec': { 'f:replicas': {} } }],
    ],
  );
  assert.throws(
    () => apply({ live, applied: deployment({ replicas: 2, paused: true }) }),
    (error: StatusError) => {
      assert.equal(error.code, 409);
      assert.equal(
        error.message,
        'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using apps/v1: .spec.replicas',
      );
      assert.deepEqual(error.status.details?.causes, [
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "scaler" with subresource "scale" using apps/v1',
          field: '.spec.replicas',
        },
      ]);
      return true;
    },
  );
  const forced = apply({ live, applied: deployment({ replicas: 2, paused: true }), force: true });
  assert.equal((forced.object.spec as JsonObject).replicas, 2);
  assert.deepEqual(
    forced.managedFields.map(({ manager }) => manager),
    ['kubectl'],
    'the scaler owns nothing any more',
  );
});

test('kubectl takes over what client-side apply set, and keeps its annotation up to date', () => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
  const configuration = deployment({ replicas: 2, paused: true });
  const live = deployment(
    { replicas: 2, paused: true },
    {
      annotations: { [annotation]: JSON.stringify(configuration) },
      managedFields: [
        {
          manager: 'kubectl-client-side-apply',
          operation: 'Update',
          apiVersion: 'apps/v1',
          fieldsType: 'FieldsV1',
          fieldsV1: { 'f:spec': { 'f:replicas': {}, 'f:paused': {} } },
        },
      ],
    },
  );
  const applied = deployment({ replicas: 3, paused: true });
  const { object } = apply({ live, applied });
  const { annotations } = object.metadata as { annotations: Record<string, string> };
  assert.deepEqual(JSON.parse(annotations[annotation]!), applied);
  assert.throws(() => apply({ live, applied, manager: 'other' }), { message: /^Apply failed with 1 conflict: / });
  const scaled = { ...live, spec: { replicas: 5, paused: true } };
  assert.throws(() => apply({ live: scaled, applied }), { message: /^Apply failed with 1 conflict: / });
});

test('several conflicts are listed by manager', () => {
  const live = stored(apply({ manager: 'other', applied: deployment({ replicas: 2, ...template(container('a')) }) }));
  assert.throws(
    () => apply({ live, applied: deployment({ replicas: 3, ...template(container('a', { image: 'j' })) }) }),
    {
      message:
        'Apply failed with 2 conflicts: conflicts with "other":\n- .spec.replicas\n- .spec.template.spec.containers[name="a"].image',
    },
  );
});

test('the same value applied by two managers is owned by both', () => {
  const live = stored(apply({ manager: 'one', applied: deployment({ replicas: 2 }) }));
  const { managedFields, changed } = apply({ manager: 'two', live, applied: deployment({ replicas: 2 }) });
  assert.equal(changed, false);
  assert.deepEqual(
    managedFields.map(({ manager }) => manager),
    ['one', 'two'],
  );
});

test('what a manager applies no more is removed, unless another owns it', () => {
  const first = apply({
    applied: deployment({ replicas: 2, minReadySeconds: 3, ...template(container('a'), container('b')) }),
  });
  const second = apply({ manager: 'other', live: stored(first), applied: deployment({ minReadySeconds: 3 }) });
  const third = apply({ live: stored(second), applied: deployment(template(container('a'))) });
  assert.deepEqual(third.object.spec, { minReadySeconds: 3, ...template(container('a')) });
});

test('what nobody applied, such as defaults, stays', () => {
  const first = apply({ applied: deployment({ replicas: 2, ...template(container('a')) }) });
  const live = stored(first);
  live.spec = { ...(live.spec as JsonObject), revisionHistoryLimit: 10 };
  const second = apply({ live, applied: deployment(template(container('a'))) });
  assert.deepEqual(second.object.spec, { revisionHistoryLimit: 10, ...template(container('a')) });
});

test('applying the same again changes nothing, not even the time', () => {
  const applied = deployment({ replicas: 2, ...template(container('a', { ports: [{ containerPort: 80 }] })) });
  const first = apply({ applied });
  const again = apply({ live: stored(first), applied, now: '2024-01-01T00:01:00Z' });
  assert.equal(again.changed, false);
  assert.deepEqual(again.managedFields, first.managedFields);
});

test('an object nobody tracked belongs to before-first-apply', () => {
  const { managedFields } = apply({
    live: deployment({ replicas: 1, paused: true }),
    applied: deployment({ replicas: 1 }),
  });
  assert.deepEqual(
    managedFields.map(({ manager, operation }) => [manager, operation]),
    [
      ['kubectl', 'Apply'],
      ['before-first-apply', 'Update'],
    ],
  );
});

const refusals: [string, JsonObject, string][] = [
  ['an unknown field', { foo: 1 }, '.spec.foo: field not declared in schema'],
  [
    'a container twice',
    template(container('a'), container('a')),
    '.spec.template.spec.containers: duplicate entries for key [name="a"]',
  ],
  [
    'an element without its key',
    template({ image: 'i' }),
    '.spec.template.spec.containers: element 0: associative list with keys has an element that omits key field "name" (and doesn\'t have default value)',
  ],
  ['a wrong type', { replicas: 'x' }, '.spec.replicas: expected numeric (int or float), got value.valueUnstructured'],
];
for (const [what, spec, detail] of refusals) {
  test(`an apply with ${what} is refused`, () => {
    assert.throws(() => apply({ applied: deployment(spec) }), {
      message: `failed to create typed patch object (default/web; apps/v1, Kind=Deployment): ${detail}`,
    });
  });
}

test('an apply at another version or with managedFields is a bad request', () => {
  assert.throws(() => apply({ applied: { ...deployment({}), apiVersion: 'apps/v2' } }), {
    message: 'Incorrect version specified in apply patch. Specified patch version: apps/v2, expected: apps/v1',
  });
  assert.throws(() => apply({ applied: deployment({}, { managedFields: [] }) }), {
    message: 'metadata.managedFields must be nil',
  });
});

test('a create by update owns structs that it added with a dot, and not those that are always there', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: { app: 'x' } },
    spec: { containers: [{ name: 'c', image: 'i', resources: {} }], securityContext: {} },
    status: {},
  };
  const [entry] = updateManagedFields({
    schema: factsSchema('core/v1.Pod'),
    old: undefined,
    new: pod,
    manager: 'kubectl-run',
    subresource: '',
    apiVersion: 'v1',
    now: '2024-01-01T00:00:00Z',
    resetFields: setOf(['f:status']),
  })!;
  assert.deepEqual(entry?.fieldsV1, {
    'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
    'f:spec': {
      'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {}, 'f:resources': {} } },
      'f:securityContext': {},
    },
  });
});

test('managedFields [{}] resets, and a write that changes nothing keeps the entries', () => {
  const old = deployment({ replicas: 1 }, { managedFields: [entryOf('a', 1)] });
  const next = deployment({ replicas: 2 }, { managedFields: [{}] });
  const request = {
    schema: deploymentSchema,
    manager: 'm',
    subresource: '',
    apiVersion: 'apps/v1',
    now: '2024-01-01T00:00:00Z',
  };
  assert.equal(updateManagedFields({ ...request, old, new: next }), undefined);
  const untouched = deployment({ replicas: 1 });
  assert.equal(
    updateManagedFields({ ...request, old, new: untouched })?.[0],
    (old.metadata as { managedFields: Entry[] }).managedFields[0],
  );
});

function entryOf(manager: string, second: number): Entry {
  return {
    manager,
    operation: 'Update',
    apiVersion: 'apps/v1',
    time: `2024-01-01T00:00:${String(second).padStart(2, '0')}Z`,
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:metadata': { 'f:labels': { [`f:${manager}`]: {} } } } as Entry['fieldsV1'],
  };
}

test('more than ten update managers are merged into ancient-changes, the oldest first', () => {
  const labels = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`m${i}`, '']));
  const entries = Array.from({ length: 10 }, (_, i) => entryOf(`m${i}`, i));
  const result = updateManagedFields({
    schema: deploymentSchema,
    old: deployment({ replicas: 1 }, { labels, managedFields: entries }),
    new: deployment({ replicas: 2 }, { labels }),
    manager: 'new',
    subresource: '',
    apiVersion: 'apps/v1',
    now: '2024-01-01T00:01:00Z',
  })!;
  assert.equal(result.length, 10);
  assert.deepEqual([result[0]?.manager, result[0]?.time], ['ancient-changes', '2024-01-01T00:00:01Z']);
  assert.deepEqual(result[0]?.fieldsV1, { 'f:metadata': { 'f:labels': { 'f:m0': {}, 'f:m1': {} } } });
});

test('custom resources follow their OpenAPI schema', () => {
  const schema = customResourceSchema(
    {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: {
            rules: {
              type: 'array',
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['id'],
              items: { type: 'object', properties: { id: { type: 'integer' }, to: { type: 'string' } } },
            },
            free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            plain: { type: 'array', items: { type: 'string' } },
          },
        },
      },
    },
    factsSchema('meta/v1.ObjectMeta'),
  );
  const applied = {
    apiVersion: 'x.io/v1',
    kind: 'X',
    metadata: { name: 'x' },
    spec: { rules: [{ id: 10, to: 'a' }, { id: 9 }], free: { a: { b: [1] } }, plain: ['p'] },
  };
  const { managedFields } = apply({ schema, applied, apiVersion: 'x.io/v1' });
  assert.equal(
    JSON.stringify(managedFields[0]?.fieldsV1),
    JSON.stringify({
      'f:spec': {
        'f:free': { 'f:a': { '.': {}, 'f:b': { '.': {} } } },
        'f:plain': {},
        'f:rules': { 'k:{"id":9}': { '.': {}, 'f:id': {} }, 'k:{"id":10}': { '.': {}, 'f:id': {}, 'f:to': {} } },
      },
    }).replace('"f:b":{".":{}}', '"f:b":{}'),
  );
});
