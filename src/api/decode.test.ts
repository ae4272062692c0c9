import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeObject, undecodable, zeroValue } from './decode.ts';
import { duplicateFields } from './duplicate-fields.ts';

const deployment = (spec: unknown) => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' }, spec });

test('an object comes out as Go would write it', () => {
  const { object } = decodeObject('core/v1.Pod', {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { labels: { b: '2', a: '1' }, name: 'web', creationTimestamp: null, annotations: {} },
    spec: {
      hostNetwork: false,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'c', image: 'httpd', resources: { limits: { memory: '0.5Gi', cpu: 1 } }, args: [] }],
    },
  });
  assert.deepEqual(object, {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'web', labels: { a: '1', b: '2' } },
    spec: {
      containers: [{ name: 'c', image: 'httpd', resources: { limits: { cpu: '1', memory: '512Mi' } } }],
      terminationGracePeriodSeconds: 0,
    },
    status: {},
  });
  assert.deepEqual(Object.keys(object), ['kind', 'apiVersion', 'metadata', 'spec', 'status']);
});

test('unknown fields are dropped, warned about or refused, with their path', () => {
  const value = deployment({ template: { spec: { containers: [{ name: 'c', imagee: 'x' }] } }, replicass: 1 });
  const texts = ['unknown field "spec.template.spec.containers[0].imagee"', 'unknown field "spec.replicass"'];
  assert.deepEqual(decodeObject('apps/v1.Deployment', value, { fieldValidation: 'Ignore' }).warnings, []);
  assert.deepEqual(decodeObject('apps/v1.Deployment', value, { fieldValidation: 'Warn' }).warnings, texts);
  const { errors } = decodeObject('apps/v1.Deployment', value, { fieldValidation: 'Strict' });
  assert.equal(
    undecodable({ kind: 'Deployment', version: 'v1' }, errors).message,
    `Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ${texts.join(', ')}`,
  );
});

test('duplicate fields are found in the text', () => {
  const text =
    '{"kind":"Pod","spec":{"containers":[{"name":"a"},{"name":"b", "name" : "c\\"}"}],"hostname":"a","hostname":"b"}}';
  const { warnings } = decodeObject('core/v1.Pod', JSON.parse(text), {
    duplicates: () => duplicateFields(text),
  });
  assert.deepEqual(warnings, ['duplicate field "spec.containers[1].name"', 'duplicate field "spec.hostname"']);
});

test('a value of the wrong type is refused as Go refuses it', () => {
  const rows: [unknown, string][] = [
    [
      { replicas: 'x' },
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      { replicas: 1.5 },
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      { template: { spec: { containers: [{ name: 1 }] } } },
      'json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.name of type string',
    ],
    [
      { template: { spec: { containers: {} } } },
      'json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container',
    ],
    ['x', 'json: cannot unmarshal string into Go struct field Deployment.spec of type v1.DeploymentSpec'],
    [
      { template: { spec: { containers: [{ resources: { limits: { cpu: 'lots' } } }] } } },
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      { template: { metadata: { creationTimestamp: 'today' } } },
      'parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"',
    ],
  ];
  for (const [spec, message] of rows) {
    const { errors } = decodeObject('apps/v1.Deployment', deployment(spec), { fieldValidation: 'Ignore' });
    assert.deepEqual(errors, [message]);
  }
});

test('times are in UTC, to the second or microsecond', () => {
  const lease = decodeObject('coordination/v1.Lease', {
    metadata: { name: 'a', deletionTimestamp: '2024-05-01T10:00:00.25+02:00' },
    spec: { renewTime: '2024-05-01T10:00:00.1234567Z' },
  }).object as unknown as { metadata: object; spec: object };
  assert.deepEqual(lease.metadata, { name: 'a', deletionTimestamp: '2024-05-01T08:00:00Z' });
  assert.deepEqual(lease.spec, { renewTime: '2024-05-01T10:00:00.123456Z' });
});

test('an empty status has its required numbers', () => {
  assert.deepEqual(zeroValue('apps/v1.DaemonSetStatus'), {
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    desiredNumberScheduled: 0,
    numberReady: 0,
  });
});
