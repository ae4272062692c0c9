import { after, describe } from 'node:test';
import type { JSONSchemaProps } from '../../../src/api/generated/apiextensions-v1.ts';
import { deployments } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { anything, establish, placeOf, randomDefinition } from '../fixture/custom-resources.ts';
import { refused } from '../fixture/kube.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const strict = { fieldManager: 'field_validation_mgr', fieldValidation: 'Strict' as const };

/** Posts a Deployment as text, with more fields in its metadata and spec. */
async function postDeployment(metadata: string, spec: string): Promise<unknown> {
  const path = kube.of(deployments, await kube.namespace('field-validation')).path();
  return kube.ask('POST', path, {
    query: strict,
    body: `{
      "apiVersion": "apps/v1", "kind": "Deployment",
      "metadata": { "name": "my-dep", ${metadata} "labels": { "app": "nginx" } },
      "spec": { ${spec}
        "selector": { "matchLabels": { "app": "nginx" } },
        "template": {
          "metadata": { "labels": { "app": "nginx" } },
          "spec": { "containers": [{ "name": "nginx", "image": "nginx:latest" }] }
        }
      }
    }`,
  });
}

const specProperties: Record<string, JSONSchemaProps> = {
  foo: { type: 'string' },
  cronSpec: { type: 'string', pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$' },
  ports: {
    type: 'array',
    'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
    'x-kubernetes-list-type': 'map',
    items: {
      type: 'object',
      required: ['containerPort', 'protocol'],
      properties: {
        containerPort: { format: 'int32', type: 'integer' },
        hostIP: { type: 'string' },
        hostPort: { format: 'int32', type: 'integer' },
        name: { type: 'string' },
        protocol: { type: 'string' },
      },
    },
  },
};

const withSpec = (spec: JSONSchemaProps): JSONSchemaProps => ({
  type: 'object',
  properties: { spec: { type: 'object', ...spec } },
});

const keeping = { 'x-kubernetes-preserve-unknown-fields': true };

/** Applies a custom resource of a new definition with that schema; `metadata`, `root` and `spec` are more lines of its YAML. */
async function applyObject(
  schema: JSONSchemaProps,
  more: { metadata?: string; root?: string; spec?: string },
): Promise<unknown> {
  const versions = ['v1beta1', 'v1beta2'].map((name, i) => ({
    name,
    served: true,
    storage: i === 1,
    schema: { openAPIV3Schema: schema },
  }));
  const crd = await establish(kube, randomDefinition({ versions }));
  const objects = kube.of(placeOf(crd));
  const lines = [
    `apiVersion: ${objects.apiVersion}`,
    `kind: ${crd.spec.names.kind}`,
    'metadata:',
    '  name: mytest',
    more.metadata,
    '  finalizers:',
    '  - test-finalizer',
    more.root,
    'spec:',
    more.spec ?? '  foo: foo1',
    '  cronSpec: "* * * * */5"',
    '  ports:',
    '  - name: x',
    '    containerPort: 80',
    '    protocol: TCP',
  ];
  // The suite's texts begin with an empty line, which its line numbers count.
  return objects.patch('mytest', 'apply', `\n${lines.filter(Boolean).join('\n')}`, undefined, strict);
}

describe('field validation', { concurrency: 4 }, () => {
  conformance(
    '[sig-api-machinery] FieldValidation should detect unknown and duplicate fields of a typed object',
    async () => {
      await refused(
        postDeployment('', '"unknownField": "foo", "replicas": 2, "replicas": 3,'),
        400,
        /strict decoding error: unknown field "spec\.unknownField", duplicate field "spec\.replicas"/,
      );
    },
  );

  conformance(
    '[sig-api-machinery] FieldValidation should detect unknown metadata fields of a typed object',
    async () => {
      await refused(
        postDeployment('"unknownMeta": "foo",', ''),
        400,
        /strict decoding error: unknown field "metadata\.unknownMeta"/,
      );
    },
  );

  conformance(
    '[sig-api-machinery] FieldValidation should create/apply a valid CR for CRD with validation schema',
    async () => {
      await applyObject(withSpec({ properties: specProperties }), {});
    },
  );

  conformance(
    '[sig-api-machinery] FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema',
    async () => {
      await applyObject(anything, { spec: '  unknown: uk1' });
    },
  );

  conformance(
    '[sig-api-machinery] FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema',
    async () => {
      await refused(
        applyObject(withSpec({ properties: specProperties }), { root: 'unknownField: unknown' }),
        500,
        /\.unknownField: field not declared in schema/,
      );
    },
  );

  conformance(
    '[sig-api-machinery] FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR',
    async () => {
      const embedded: JSONSchemaProps = {
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        properties: {
          metadata: { type: 'object', properties: { name: { type: 'string' } } },
          spec: { type: 'object' },
        },
      };
      await refused(
        applyObject(withSpec({ ...keeping, properties: { ...specProperties, template: embedded } }), {
          metadata: '  unknownMeta: unknown',
          spec: [
            '  template:',
            '    apiversion: foo/v1',
            '    kind: Sub',
            '    metadata:',
            '      unknownSubMeta: unknown',
            '      name: subobject',
            '      namespace: default',
            '  foo: foo1',
          ].join('\n'),
        }),
        500,
        /\.spec\.template\.metadata\.unknownSubMeta: field not declared in schema/,
      );
    },
  );

  conformance(
    '[sig-api-machinery] FieldValidation should detect duplicates in a CR when preserving unknown fields',
    async () => {
      await refused(
        applyObject(withSpec({ ...keeping, properties: specProperties }), {
          spec: '  unknown: uk1\n  foo: foo1\n  foo: foo2',
        }),
        400,
        /line 11: key "foo" already set in map/,
      );
    },
  );
});
