import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe } from 'node:test';
import { until } from '../../cluster/fixture/until.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { anything, crds, establish, placeOf, randomDefinition } from '../fixture/custom-resources.ts';
import type { ApiGroup, ApiResourceList } from '../fixture/discovery.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());
const definitions = kube.of(crds);

describe('custom resource definitions', { concurrency: 4 }, () => {
  conformance(
    '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition creating/deleting custom resource definition objects works',
    async () => {
      const crd = await establish(kube, randomDefinition());
      await definitions.delete(crd.metadata.name);
      await definitions.untilGone(crd.metadata.name);
    },
  );

  conformance(
    '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition listing custom resource definition objects works',
    async () => {
      const labels = { 'e2e-list-test-uuid': randomUUID() };
      const labelSelector = `e2e-list-test-uuid=${labels['e2e-list-test-uuid']}`;
      const made = await Promise.all(
        Array.from({ length: 10 }, () => {
          const definition = randomDefinition();
          return establish(kube, { ...definition, metadata: { ...definition.metadata, labels } });
        }),
      );
      const other = await establish(kube, randomDefinition());
      const { items } = await definitions.list({ labelSelector });
      const specs = (list: typeof items) => new Map(list.map(({ metadata, spec }) => [metadata.name, spec]));
      assert.equal(items.length, 10);
      assert.deepEqual(specs(items), specs(made.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))));
      await definitions.deleteCollection({ labelSelector });
      await definitions.untilList((list) => list.items.length === 0, { labelSelector });
      await definitions.get(other.metadata.name);
    },
  );

  conformance(
    '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works',
    async () => {
      const { metadata, spec } = await establish(kube, randomDefinition());
      assert.deepEqual((await definitions.get(metadata.name, 'status')).spec, spec);
      const updated = await definitions.change(
        metadata.name,
        ({ status }) => void status!.conditions!.push({ message: 'updated' } as never),
        'status',
      );
      const messages = (conditions: { message?: string }[] = []) => conditions.map(({ message }) => message);
      assert.ok(messages(updated.status?.conditions).includes('updated'));
      const patched = await definitions.patch(
        metadata.name,
        'json',
        [{ op: 'add', path: '/status/conditions', value: [{ message: 'patched' }] }],
        'status',
      );
      assert.ok(messages(patched.status?.conditions).includes('patched'));
    },
  );

  conformance(
    '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] should include custom resource definition resources in discovery documents',
    async () => {
      const { groups } = await kube.json<{ groups: ApiGroup[] }>('GET', '/apis');
      const listed = groups.find(({ name }) => name === 'apiextensions.k8s.io');
      const group = await kube.json<ApiGroup>('GET', '/apis/apiextensions.k8s.io');
      assert.equal(group.name, 'apiextensions.k8s.io');
      for (const found of [listed, group]) assert.ok(found?.versions.some(({ version }) => version === 'v1'));
      const list = await kube.json<ApiResourceList>('GET', '/apis/apiextensions.k8s.io/v1');
      assert.equal(list.groupVersion, 'apiextensions.k8s.io/v1');
      assert.ok(list.resources.some(({ name }) => name === 'customresourcedefinitions'));
    },
  );

  conformance(
    '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] custom resource defaulting for requests and from storage works',
    async () => {
      const schema = { ...anything, properties: { a: { type: 'string' }, b: { type: 'string' } } };
      const crd = await establish(
        kube,
        randomDefinition({
          versions: [{ name: 'v1beta1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
        }),
      );
      const objects = kube.of(placeOf(crd));
      const properties = '/spec/versions/0/schema/openAPIV3Schema/properties';
      const create = (name: string) => objects.create({ kind: crd.spec.names.kind, metadata: { name } });
      const untilDefaulted = (name: string, field: string) =>
        until(`${field} of ${name}`, async () => (await objects.get(name))[field]);

      assert.equal((await create('cr-1')).a, undefined);
      await definitions.patch(crd.metadata.name, 'json', [{ op: 'add', path: `${properties}/a/default`, value: 'A' }]);
      assert.equal(await untilDefaulted('cr-1', 'a'), 'A');
      assert.equal((await create('cr-2')).a, 'A');
      await definitions.patch(crd.metadata.name, 'json', [
        { op: 'remove', path: `${properties}/a/default` },
        { op: 'add', path: `${properties}/b/default`, value: 'B' },
      ]);
      assert.equal(await untilDefaulted('cr-2', 'b'), 'B');
      // The default of a is gone, but it was stored with the second object.
      assert.equal((await objects.get('cr-2')).a, 'A');
      assert.equal((await objects.get('cr-1')).a, undefined);
    },
  );
});
