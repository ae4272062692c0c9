import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinResources } from '../resource.ts';
import { decodeProtobuf, encodeProtobuf } from './envelope.ts';
import { messagePlan } from './message-plan.ts';
import { typeByKind } from './type-by-kind.ts';
import { decodeWatchFrame, encodeWatchFrame } from './watch-frame.ts';
import { Reader, Writer } from './wire.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const fromHex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

function roundTrip(apiVersion: string, kind: string, object: Record<string, unknown>) {
  const type = typeByKind(apiVersion, kind)!;
  return decodeProtobuf(encodeProtobuf(type, apiVersion, kind, object)).object;
}

const integers: [number, string][] = [
  [0, '00'],
  [1, '01'],
  [127, '7f'],
  [128, '8001'],
  [300, 'ac02'],
  [2 ** 31, '8080808008'],
  [2 ** 53 - 1, 'ffffffffffffff0f'],
  [-1, 'ffffffffffffffffff01'],
];
for (const [value, bytes] of integers) {
  test(`the varint ${value} is ${bytes} and back`, () => {
    const writer = new Writer(1);
    writer.varint(value);
    assert.equal(hex(writer.finish()), bytes);
    assert.equal(new Reader(fromHex(bytes)).signed(), value);
  });
}

test('a Namespace is, byte for byte, magic, type, metadata and two empty strings', () => {
  const expected =
    '6b387300' + // k8s\0
    '0a0f 0a027631 12094e616d657370616365' + // typeMeta {v1, Namespace}
    '1205 0a03 0a0161' + // raw {metadata {name "a"}}
    '1a00 2200';
  const bytes = encodeProtobuf('core/v1.Namespace', 'v1', 'Namespace', { metadata: { name: 'a' } });
  assert.equal(hex(bytes), expected.replaceAll(' ', ''));
});

test('a Namespace as Go writes it, zero values and all, is what JSON would be', () => {
  // metadata {name "a", generateName "", namespace "", selfLink "", uid "", resourceVersion "", generation 0,
  // creationTimestamp {}}, spec {}, status {phase ""}
  const metadata = '0a0161 1200 1a00 2200 2a00 3200 3800 4200';
  const raw = `0a11 ${metadata} 1200 1a02 0a00`;
  const bytes = fromHex(`6b387300 0a0f 0a027631 12094e616d657370616365 1219 ${raw} 1a00 2200`);
  assert.deepEqual(decodeProtobuf(bytes).object, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'a' },
    spec: {},
    status: {},
  });
});

test('embedded structs are nested on the wire and spread out in JSON', () => {
  // Volume {name = 1 "v", volumeSource = 2 {emptyDir = 2 {}}} in PodSpec.volumes = 1 in Pod.spec = 2
  const bytes = encodeProtobuf('core/v1.Pod', 'v1', 'Pod', { spec: { volumes: [{ name: 'v', emptyDir: {} }] } });
  assert.ok(hex(bytes).includes('12090a070a0176' + '12021200'), hex(bytes));
  assert.deepEqual(roundTrip('v1', 'Pod', { spec: { volumes: [{ name: 'v', emptyDir: {} }] } }).spec, {
    volumes: [{ name: 'v', emptyDir: {} }],
  });
});

const objects: [string, string, string, Record<string, unknown>][] = [
  [
    'a Pod with probes, quantities, times and pointers to zero',
    'v1',
    'Pod',
    {
      metadata: {
        name: 'p',
        labels: { a: '', b: 'x' },
        creationTimestamp: '2024-01-01T00:00:00Z',
        deletionGracePeriodSeconds: 0,
        managedFields: [{ manager: 'm', fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': {} } }],
      },
      spec: {
        containers: [
          {
            name: 'c',
            resources: { limits: { cpu: '100m', memory: '64Mi' } },
            readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 3 },
            livenessProbe: { tcpSocket: { port: 80 } },
            securityContext: { runAsUser: 0, allowPrivilegeEscalation: false },
          },
        ],
        securityContext: { supplementalGroups: [1, 2] },
        tolerations: [{ key: 'k', tolerationSeconds: -1 }],
      },
      status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2024-01-01T00:00:01Z' }] },
    },
  ],
  [
    'a Secret with bytes',
    'v1',
    'Secret',
    { metadata: { name: 's' }, data: { a: 'AAEC/w==', empty: '' }, type: 'Opaque' },
  ],
  [
    'a Lease with microseconds',
    'coordination.k8s.io/v1',
    'Lease',
    { spec: { renewTime: '2024-01-01T00:00:00.000123Z' } },
  ],
  [
    'a review with lists in a map',
    'authorization.k8s.io/v1',
    'SubjectAccessReview',
    { spec: { user: 'u', groups: ['g'], extra: { k: ['a', 'b'], none: [] } }, status: { allowed: false } },
  ],
  ['a ControllerRevision with raw JSON', 'apps/v1', 'ControllerRevision', { data: { spec: { x: [1] } }, revision: 3 }],
  [
    'a list',
    'v1',
    'ConfigMapList',
    { metadata: { resourceVersion: '5' }, items: [{ metadata: { name: 'a' }, data: { k: 'v' } }] },
  ],
  [
    'a Status',
    'v1',
    'Status',
    { status: 'Failure', code: 404, details: { name: 'x', causes: [{ reason: 'R', field: 'f' }] } },
  ],
  [
    'DeleteOptions of any group',
    'apps/v1',
    'DeleteOptions',
    { gracePeriodSeconds: 0, propagationPolicy: 'Orphan', dryRun: ['All'] },
  ],
  ['PartialObjectMetadata', 'meta.k8s.io/v1', 'PartialObjectMetadata', { metadata: { name: 'x' } }],
  ['a Scale', 'autoscaling/v1', 'Scale', { spec: { replicas: 2 }, status: { replicas: 1, selector: 'a=b' } }],
  ['an Eviction', 'policy/v1', 'Eviction', { metadata: { name: 'p' }, deleteOptions: { gracePeriodSeconds: 1 } }],
  ['a Binding', 'v1', 'Binding', { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } }],
  [
    'a TokenRequest',
    'authentication.k8s.io/v1',
    'TokenRequest',
    { spec: { audiences: ['a'], expirationSeconds: 600 } },
  ],
  [
    'a CustomResourceDefinition with schemas that may be something else',
    'apiextensions.k8s.io/v1',
    'CustomResourceDefinition',
    {
      spec: {
        group: 'x.io',
        versions: [
          {
            name: 'v1',
            served: true,
            storage: false,
            schema: {
              openAPIV3Schema: {
                type: 'object',
                additionalProperties: false,
                default: { a: [1, null] },
                maximum: 1.5,
                properties: {
                  l: { type: 'array', items: { type: 'string' } },
                  m: { type: 'object', additionalProperties: { type: 'integer' } },
                },
                dependencies: { a: ['b'], c: { type: 'object' } },
              },
            },
          },
        ],
      },
    },
  ],
];
for (const [what, apiVersion, kind, object] of objects) {
  test(`${what} comes back as it was`, () => {
    const back = JSON.parse(JSON.stringify(roundTrip(apiVersion, kind, object)));
    for (const [name, value] of Object.entries(object)) {
      assert.deepEqual(back[name], value, name);
    }
  });
}

test('every built-in kind has a plan', () => {
  for (const { type } of builtinResources) if (type) messagePlan(type);
  assert.throws(() => messagePlan('meta/v1.Table'), { message: 'type meta/v1.Table has no protobuf form' });
});

test('a watch event is framed by its length', () => {
  const envelope = encodeProtobuf('core/v1.Namespace', 'v1', 'Namespace', { metadata: { name: 'a' } });
  const frame = encodeWatchFrame('ADDED', envelope);
  assert.equal(Buffer.from(frame).readUInt32BE(0), frame.length - 4);
  assert.equal(hex(frame.subarray(4, 11)), '0a054144444544');
  const back = decodeWatchFrame(frame);
  assert.equal(back.type, 'ADDED');
  assert.deepEqual(decodeProtobuf(back.envelope).object.metadata, { name: 'a' });
});

test('what is no protobuf, cut off or unknown is refused', () => {
  assert.throws(() => decodeProtobuf(Buffer.from('{"a":1}')), { message: /does not appear to be a protobuf message/ });
  assert.throws(() => decodeProtobuf(fromHex('6b387300 0aff')), { message: /EOF/ });
  const custom = encodeProtobuf('core/v1.Namespace', 'x.io/v1', 'Custom', {});
  assert.throws(() => decodeProtobuf(custom), { message: 'no kind "Custom" is registered for version "x.io/v1"' });
});

test('unknown fields are skipped and packed numbers are read', () => {
  // SecurityContext {supplementalGroups = 4 packed [1, 300], 99 = "x"} in PodSpec.securityContext = 14 in Pod.spec = 2
  const bytes = fromHex('6b387300 0a09 0a027631 1203506f64 120d 120b 7209 2203 01ac02 9a060178');
  assert.deepEqual((decodeProtobuf(bytes).object.spec as Record<string, unknown>).securityContext, {
    supplementalGroups: [1, 300],
  });
});
