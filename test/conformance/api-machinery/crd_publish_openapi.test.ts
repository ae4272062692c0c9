import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe } from 'node:test';
import type { CustomResourceDefinition, JSONSchemaProps } from '../../../src/api/generated/apiextensions-v1.ts';
import type { Space } from '../../cluster/fixture/cluster.ts';
import { until } from '../../cluster/fixture/until.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { anything, crds, establish } from '../fixture/custom-resources.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

/** Creates a definition with these versions, and waits until each is published as expected. */
async function publish(
  schema: JSONSchemaProps | undefined,
  expected: JSONSchemaProps | undefined,
  groupSuffix: string,
  ...versions: string[]
): Promise<CustomResourceDefinition> {
  const id = randomBytes(3).toString('hex');
  const group = `crd-publish-openapi-test-${groupSuffix}.example.com`;
  const crd = await establish(kube, {
    metadata: { name: `e2e-test-${id}-crds.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        plural: `e2e-test-${id}-crds`,
        singular: `e2e-test-${id}-crd`,
        kind: `E2e-test-${id}-crd`,
        listKind: `E2e-test-${id}-crdList`,
      },
      versions: versions.map((name, i) => ({
        name,
        served: true,
        storage: i === 0,
        schema: { openAPIV3Schema: schema ?? anything },
      })),
    },
  });
  for (const version of versions) await untilPublished(crd, version, expected);
  return crd;
}

type Definition = JSONSchemaProps & { 'x-kubernetes-group-version-kind'?: unknown };

/** The document as it was last sent: it is asked for again only when it has changed. */
let known: { etag: string; definitions: Record<string, Definition> } | undefined;

async function publishedDefinitions(): Promise<Record<string, Definition>> {
  const headers: Record<string, string> = known ? { 'if-none-match': known.etag } : {};
  const answer = await kube.try('GET', '/openapi/v2', { headers });
  if (answer.status === 304) return known!.definitions;
  assert.equal(answer.status, 200, answer.text);
  const etag = answer.headers.etag;
  assert.ok(etag);
  known = { etag, definitions: JSON.parse(answer.text).definitions };
  return known.definitions;
}

/** 'group/version/kind' with the group's labels turned round (kube-openapi pkg/util ToRESTFriendlyName). */
function definitionName({ spec }: CustomResourceDefinition, version: string): string {
  return [...spec.group.split('.').toReversed(), version, spec.names.kind].join('.');
}

/** `expected` undefined: as anything. */
async function untilPublished(crd: CustomResourceDefinition, version: string, expected: JSONSchemaProps | undefined) {
  const name = definitionName(crd, version);
  const definition = await until(`${name} in OpenAPI v2`, async () => (await publishedDefinitions())[name]);
  if (!expected) return;
  const { 'x-kubernetes-group-version-kind': _, ...published } = structuredClone(definition);
  for (const field of ['metadata', 'apiVersion', 'kind']) delete published.properties?.[field];
  if (published.properties && Object.keys(published.properties).length === 0) delete published.properties;
  assert.deepEqual(published, expected);
}

async function untilWithdrawn(crd: CustomResourceDefinition, version: string): Promise<void> {
  const name = definitionName(crd, version);
  await until(`${name} gone from OpenAPI v2`, async () => !(name in (await publishedDefinitions())));
}

/** Deletes the definition and waits until nothing of it is published. */
async function withdraw(crd: CustomResourceDefinition, ...versions: string[]): Promise<void> {
  await kube.of(crds).delete(crd.metadata.name);
  for (const version of versions) await untilWithdrawn(crd, version);
}

function manifest(crd: CustomResourceDefinition, rest: object): string {
  const { group, names, versions } = crd.spec;
  const apiVersion = `${group}/${versions[0]!.name}`;
  return JSON.stringify({ apiVersion, kind: names.kind, metadata: { name: 'test-cr' }, ...rest });
}

/** kubectl takes the object, by create and by apply. */
async function accepted(space: Space, crd: CustomResourceDefinition, rest: object): Promise<void> {
  for (const verb of ['create', 'apply']) {
    await space.kubectl([verb, '-f', '-'], { input: manifest(crd, rest) });
    await space.kubectl(['delete', crd.spec.names.plural, 'test-cr']);
  }
}

/** kubectl refuses the object, by create and by apply. */
async function rejected(space: Space, crd: CustomResourceDefinition, rest: object, message: RegExp): Promise<void> {
  for (const verb of ['create', 'apply'])
    assert.match(await space.kubectlFails([verb, '-f', '-'], { input: manifest(crd, rest) }), message);
}

async function explained(space: Space, field: string, pattern: RegExp): Promise<void> {
  // kubectl caches discovery: it learns of the definition when it looks anew.
  const text = await until(`kubectl explains ${field}`, () => space.kubectl(['explain', field]));
  assert.match(text, pattern);
}

const text = (description: string): JSONSchemaProps => ({ description, type: 'string' });

const schemaFoo: JSONSchemaProps = {
  description: 'Foo CRD for Testing',
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      description: 'Specification of Foo',
      properties: {
        bars: {
          description: 'List of Bars and their specs.',
          type: 'array',
          items: {
            type: 'object',
            required: ['name'],
            properties: {
              name: text('Name of Bar.'),
              age: text('Age of Bar.'),
              feeling: { description: 'Whether Bar is feeling great.', type: 'string', enum: ['Great', 'Down'] },
              bazs: { description: 'List of Bazs.', items: { type: 'string' }, type: 'array' },
            },
          },
        },
      },
    },
    status: {
      description: 'Status of Foo',
      type: 'object',
      properties: {
        bars: {
          description: 'List of Bars and their statuses.',
          type: 'array',
          items: {
            type: 'object',
            properties: {
              name: text('Name of Bar.'),
              available: { description: 'Whether the Bar is installed.', type: 'boolean' },
              quxType: { ...text('Indicates to external qux type.'), pattern: 'in-tree|out-of-tree' },
            },
          },
        },
      },
    },
  },
};

const waldo = (description: string, root: JSONSchemaProps = {}, spec: JSONSchemaProps = {}): JSONSchemaProps => ({
  description,
  type: 'object',
  ...root,
  properties: {
    spec: {
      description: 'Specification of Waldo',
      type: 'object',
      ...spec,
      properties: { dummy: { description: 'Dummy property.', type: 'object' } },
    },
    status: {
      description: 'Status of Waldo',
      type: 'object',
      properties: {
        bars: { description: 'List of Bars and their statuses.', type: 'array', items: { type: 'object' } },
      },
    },
  },
});
const schemaWaldo = waldo('Waldo CRD for Testing');
const keeping: JSONSchemaProps = { 'x-kubernetes-preserve-unknown-fields': true };
const schemaPreserveRoot = waldo('preserve-unknown-properties at root for Testing', keeping);
const schemaPreserveNested = waldo('preserve-unknown-properties in nested field for Testing', {}, keeping);

describe('published OpenAPI', { concurrency: 4 }, () => {
  conformance(
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD with validation schema',
    async () => {
      const crd = await publish(schemaFoo, schemaFoo, 'foo', 'v1');
      const space = await cluster.space('openapi-foo');
      const { plural } = crd.spec.names;
      await accepted(space, crd, { spec: { bars: [{ name: 'test-bar' }] } });
      await rejected(
        space,
        crd,
        { spec: { bars: [{ name: 'test-bar', feeling: 'NonExistentValue' }] } },
        /Unsupported value: "NonExistentValue"/,
      );
      await rejected(space, crd, { spec: { foo: true } }, /strict decoding error: unknown field "spec\.foo"/);
      await rejected(space, crd, { spec: { bars: [{ age: '10' }] } }, /spec\.bars\[0\]\.name: Required value/);
      await explained(
        space,
        plural,
        /DESCRIPTION:.*Foo CRD for Testing.*FIELDS:.*apiVersion.*<string>.*APIVersion defines.*spec.*<Object>.*Specification of Foo/s,
      );
      await explained(
        space,
        `${plural}.metadata`,
        /DESCRIPTION:.*Standard object's metadata.*FIELDS:.*creationTimestamp.*<string>.*CreationTimestamp is a timestamp/s,
      );
      await explained(
        space,
        `${plural}.spec`,
        /DESCRIPTION:.*Specification of Foo.*FIELDS:.*bars.*<\[\]Object>.*List of Bars and their specs/s,
      );
      await explained(
        space,
        `${plural}.spec.bars`,
        /(FIELD|RESOURCE):.*bars.*<\[\]Object>.*DESCRIPTION:.*List of Bars and their specs.*FIELDS:.*bazs.*<\[\]string>.*List of Bazs.*name.*<string>.*Name of Bar/s,
      );
      assert.match(await space.kubectlFails(['explain', `${plural}.spec.bars2`]), /field "bars2" does not exist/);
      await withdraw(crd, 'v1');
    },
  );

  conformance(
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD without validation schema',
    async () => {
      const crd = await publish(undefined, { type: 'object' }, 'empty', 'v1');
      const space = await cluster.space('openapi-empty');
      await accepted(space, crd, { a: { b: [{ c: 'd' }] } });
      await explained(space, crd.spec.names.plural, /(DESCRIPTION|DESC):.*<empty>/s);
      await withdraw(crd, 'v1');
    },
  );

  conformance(
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields at the schema root',
    async () => {
      const crd = await publish(schemaPreserveRoot, undefined, 'unknown-at-root', 'v1');
      const space = await cluster.space('openapi-root');
      await accepted(space, crd, { a: { b: [{ c: 'd' }] } });
      await explained(space, crd.spec.names.plural, new RegExp(`KIND:.*${crd.spec.names.kind}`, 's'));
      await withdraw(crd, 'v1');
    },
  );

  conformance(
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields in an embedded object',
    async () => {
      const crd = await publish(schemaPreserveNested, undefined, 'unknown-in-nested', 'v1');
      const space = await cluster.space('openapi-nested');
      await accepted(space, crd, { spec: { a: null, b: [{ c: 'd' }] } });
      await explained(
        space,
        crd.spec.names.plural,
        /DESCRIPTION:.*preserve-unknown-properties in nested field for Testing/s,
      );
      await withdraw(crd, 'v1');
    },
  );

  conformance(
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of different groups',
    async () => {
      const foo = await publish(schemaFoo, schemaFoo, 'foo-group', 'v1');
      const other = await publish(schemaWaldo, schemaWaldo, 'waldo-group', 'v1beta1');
      assert.notEqual(foo.spec.group, other.spec.group);
      await untilPublished(foo, 'v1', schemaFoo);
      await withdraw(foo, 'v1');
      await untilPublished(other, 'v1beta1', schemaWaldo);
      await withdraw(other, 'v1beta1');
    },
  );

  conformance(
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group but different versions',
    async () => {
      const multi = await publish(schemaFoo, schemaFoo, 'multi-ver', 'v2', 'v3');
      await withdraw(multi, 'v2', 'v3');
      const foo = await publish(schemaFoo, schemaFoo, 'common-versions', 'v4');
      const other = await publish(schemaWaldo, schemaWaldo, 'common-versions', 'v5');
      assert.equal(foo.spec.group, other.spec.group);
      await untilPublished(foo, 'v4', schemaFoo);
      await withdraw(foo, 'v4');
      await withdraw(other, 'v5');
    },
  );

  conformance(
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group and version but different kinds',
    async () => {
      const foo = await publish(schemaFoo, schemaFoo, 'common-group', 'v6');
      const other = await publish(schemaWaldo, schemaWaldo, 'common-group', 'v6');
      assert.equal(foo.spec.group, other.spec.group);
      await untilPublished(foo, 'v6', schemaFoo);
      await withdraw(foo, 'v6');
      await untilPublished(other, 'v6', schemaWaldo);
      await withdraw(other, 'v6');
    },
  );

  conformance(
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] updates the published spec when one version gets renamed',
    async () => {
      const crd = await publish(schemaFoo, schemaFoo, 'renamed-ver', 'v2', 'v3');
      await kube.of(crds).patch(crd.metadata.name, 'json', [
        { op: 'test', path: '/spec/versions/1/name', value: 'v3' },
        { op: 'replace', path: '/spec/versions/1/name', value: 'v4' },
      ]);
      await untilPublished(crd, 'v4', schemaFoo);
      await untilWithdrawn(crd, 'v3');
      await untilPublished(crd, 'v2', schemaFoo);
      await withdraw(crd, 'v2', 'v4');
    },
  );

  conformance(
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] removes definition from spec when one version gets changed to not be served',
    async () => {
      const crd = await publish(schemaFoo, schemaFoo, 'multi-to-single-ver', 'v5', 'v6alpha1');
      await kube.of(crds).change(crd.metadata.name, ({ spec }) => {
        spec.versions[1]!.served = false;
      });
      await untilWithdrawn(crd, 'v6alpha1');
      await untilPublished(crd, 'v5', schemaFoo);
      await withdraw(crd, 'v5');
    },
  );
});
