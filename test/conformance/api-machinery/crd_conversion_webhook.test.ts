import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import type { CustomResourceDefinition } from '../../../src/api/generated/apiextensions-v1.ts';
import { type ConformanceCluster, startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { type CustomObject, crds, establish, placeOf, randomDefinition } from '../fixture/custom-resources.ts';
import { type DeployedWebhook, deployWebhook } from '../fixture/webhook/deploy.ts';

let suite: ConformanceCluster;
let webhook: DeployedWebhook;
let namespace: string;
before(async () => {
  suite = await startConformanceCluster();
  namespace = await suite.kube.namespace('crd-webhook');
  webhook = await deployWebhook(suite.kube, namespace, 'e2e-test-crd-conversion-webhook');
});

after(() => suite?.cluster.delete());

const schemaOf = (...fields: string[]) => ({
  openAPIV3Schema: {
    type: 'object',
    properties: Object.fromEntries(fields.map((field) => [field, { type: 'string' }])),
  },
});

const versionsWith = (stored: string) => [
  { name: 'v1', served: true, storage: stored === 'v1', schema: schemaOf('hostPort') },
  { name: 'v2', served: true, storage: stored === 'v2', schema: schemaOf('host', 'port') },
];

/** A definition that is converted by the webhook; `stored` is the version that is kept. */
async function converted(stored: string): Promise<CustomResourceDefinition> {
  const crd = await establish(
    suite.kube,
    randomDefinition({
      scope: 'Namespaced',
      versions: versionsWith(stored),
      conversion: {
        strategy: 'Webhook',
        webhook: { clientConfig: webhook.clientConfig('/crdconvert'), conversionReviewVersions: ['v1', 'v1beta1'] },
      },
    }),
  );
  const stub = { kind: crd.spec.names.kind, metadata: { name: 'stub' } };
  await suite.kube.of(placeOf(crd, 'v2'), namespace).create(stub);
  await suite.kube.of(placeOf(crd, 'v2'), namespace).delete('stub');
  return crd;
}

const isV1 = (crd: CustomResourceDefinition, { apiVersion, hostPort, host, port }: CustomObject) =>
  assert.deepEqual(
    [apiVersion, hostPort, host, port],
    [`${crd.spec.group}/v1`, 'localhost:8080', undefined, undefined],
  );

const isV2 = (crd: CustomResourceDefinition, { apiVersion, hostPort, host, port }: CustomObject) =>
  assert.deepEqual([apiVersion, hostPort, host, port], [`${crd.spec.group}/v2`, undefined, 'localhost', '8080']);

conformance(
  '[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert from CR v1 to CR v2',
  async () => {
    const crd = await converted('v1');
    const metadata = { name: 'cr-instance-1' };
    const object = { kind: crd.spec.names.kind, metadata, hostPort: 'localhost:8080' };
    await suite.kube.of(placeOf(crd, 'v1'), namespace).create(object);
    isV2(crd, await suite.kube.of(placeOf(crd, 'v2'), namespace).get('cr-instance-1'));
  },
);

conformance(
  '[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert a non homogeneous list of CRs',
  async () => {
    const crd = await converted('v1');
    const [v1, v2] = ['v1', 'v2'].map((version) => suite.kube.of(placeOf(crd, version), namespace));
    const create = (name: string) =>
      v1!.create({ kind: crd.spec.names.kind, metadata: { name }, hostPort: 'localhost:8080' });
    await create('cr-instance-1');
    await suite.kube.of(crds).change(crd.metadata.name, ({ spec }) => {
      spec.versions = versionsWith('v2');
    });
    await create('cr-instance-2');
    for (const [objects, check] of [
      [v1, isV1],
      [v2, isV2],
    ] as const) {
      const { items } = await objects!.list();
      assert.deepEqual(items.map(({ metadata }) => metadata.name).sort(), ['cr-instance-1', 'cr-instance-2']);
      for (const item of items) check(crd, item);
    }
  },
);
