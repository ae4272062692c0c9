import assert from 'node:assert/strict';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';
import { type KubernetesObject, ListWatch, Watch } from '@kubernetes/client-node';
import { until } from '../../cluster/fixture/until.ts';
import { servingCertificate } from '../../fixture/serving-certificate.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { type CustomObject, establish, placeOf, randomDefinition } from '../fixture/custom-resources.ts';
import type { Objects } from '../fixture/kube.ts';

const { cluster, config, kube } = await startConformanceCluster();
after(() => cluster.delete());

conformance(
  '[sig-api-machinery] CustomResourceFieldSelectors [Privileged:ClusterAdmin] CustomResourceFieldSelectors MUST list and watch custom resources matching the field selector',
  async (t) => {
    const webhook = await startConverter();
    t.after(() => webhook.server.close());
    const namespace = await kube.namespace('crd-selectable-fields');
    const crd = await establish(kube, definition(webhook));
    const v1 = kube.of(placeOf(crd, 'v1'), namespace);
    const v2 = kube.of(placeOf(crd, 'v2'), namespace);
    const [byHost, byBoth] = ['host=host1', 'host=host1,port=80'];

    const hostWatch = await accumulate(v2, byHost);
    const bothWatch = await accumulate(v2, byBoth);
    const v1Watch = await accumulate(v1, 'hostPort=host1:80');
    const hostInformer = await inform(v2, byHost);
    const bothInformer = await inform(v2, byBoth);
    t.after(() => Promise.all([hostWatch, bothWatch, v1Watch, hostInformer, bothInformer].map(({ stop }) => stop())));

    const made: string[] = [];
    for (const fields of [{ host: 'host1', port: '80' }, { host: 'host1', port: '8080' }, { host: 'host2' }]) {
      const metadata = { generateName: 'selectable-field-cr' };
      made.push((await v2.create({ kind: crd.spec.names.kind, metadata, ...fields })).metadata.name);
    }
    const [first, second] = made as [string, string, string];
    const listed = async (objects: Objects<CustomObject>, fieldSelector: string) =>
      (await objects.list({ fieldSelector })).items.map(({ metadata }) => metadata.name).sort();
    assert.deepEqual(await listed(v2, byHost), [first, second].sort());
    assert.deepEqual(await listed(v2, byBoth), [first]);
    assert.deepEqual(await listed(v1, 'hostPort=host1:80'), [first]);
    assert.deepEqual(await listed(v1, 'hostPort=host1:8080'), [second]);
    await hostWatch.expect([first, second], []);
    await bothWatch.expect([first], []);
    await v1Watch.expect([first], []);
    await hostInformer.expect([first, second], []);
    await bothInformer.expect([first], []);

    await v2.deleteCollection({ fieldSelector: byBoth }, { gracePeriodSeconds: 0 });
    await v2.change(second, (object) => {
      object.host = 'host2';
    });
    assert.deepEqual(await listed(v2, byHost), []);
    assert.deepEqual(await listed(v2, byBoth), []);
    await hostWatch.expect([first, second], [first, second]);
    await bothWatch.expect([first], [first]);
    await v1Watch.expect([first], [first]);
    await hostInformer.expect([first, second], [first, second]);
    await bothInformer.expect([first], [first]);
  },
);

type Converter = Awaited<ReturnType<typeof startConverter>>;

function definition({ url, caBundle }: Converter) {
  const text = { type: 'string' };
  const version = (name: string, fields: string[]) => ({
    name,
    served: true,
    storage: name === 'v1',
    schema: {
      openAPIV3Schema: { type: 'object', properties: Object.fromEntries(fields.map((field) => [field, text])) },
    },
    selectableFields: fields.map((field) => ({ jsonPath: `.${field}` })),
  });
  return randomDefinition({
    scope: 'Namespaced',
    versions: [version('v1', ['hostPort']), version('v2', ['host', 'port'])],
    conversion: {
      strategy: 'Webhook',
      webhook: { clientConfig: { url, caBundle }, conversionReviewVersions: ['v1', 'v1beta1'] },
    },
  });
}

/** A conversion webhook: v1 has one field hostPort, v2 has host and port. */
async function startConverter() {
  const { caBundle, ...tls } = servingCertificate('127.0.0.1');
  const server = https.createServer(tls, async (request, response) => {
    const { request: review } = JSON.parse(Buffer.concat(await request.toArray()).toString());
    const convertedObjects = review.objects.map((object: CustomObject) => convert(object, review.desiredAPIVersion));
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'ConversionReview',
        response: { uid: review.uid, convertedObjects, result: { status: 'Success' } },
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/crdconvert`;
  return { server, url, caBundle };
}

function convert(object: CustomObject, apiVersion: string): CustomObject {
  const { hostPort, host, port, ...rest } = object as CustomObject & Record<string, string | undefined>;
  if (object.apiVersion === apiVersion) return object;
  if (apiVersion.endsWith('/v1')) return { ...rest, apiVersion, hostPort: `${host}:${port ?? ''}` } as CustomObject;
  const [name, number] = hostPort?.split(':') ?? [];
  return { ...rest, apiVersion, host: name, port: number } as CustomObject;
}

interface Accumulated {
  added: Set<string>;
  deleted: Set<string>;
}

function expectation({ added, deleted }: Accumulated) {
  return (wantedAdded: string[], wantedDeleted: string[]) =>
    until(`${wantedAdded} added and ${wantedDeleted} deleted`, () => {
      return (
        added.symmetricDifference(new Set(wantedAdded)).size === 0 &&
        deleted.symmetricDifference(new Set(wantedDeleted)).size === 0
      );
    });
}

async function accumulate(objects: Objects<CustomObject>, fieldSelector: string) {
  const seen: Accumulated = { added: new Set(), deleted: new Set() };
  const watching = await objects.watch({ fieldSelector });
  void (async () => {
    while (await watching.any(60_000)) {
      const { type, object } = await watching.next();
      const { name } = (object as CustomObject).metadata;
      if (type === 'ADDED') seen.added.add(name);
      if (type === 'DELETED') seen.deleted.add(name);
    }
  })();
  return { expect: expectation(seen), stop: () => watching.stop() };
}

/** The same through an informer of client-node. */
async function inform(objects: Objects<CustomObject>, fieldSelector: string) {
  const seen: Accumulated = { added: new Set(), deleted: new Set() };
  const list = () => objects.list({ fieldSelector });
  const informer = new ListWatch<KubernetesObject>(
    objects.path(),
    new Watch(config),
    list as never,
    false,
    undefined,
    fieldSelector,
  );
  informer.on('add', ({ metadata }) => void seen.added.add(metadata!.name!));
  informer.on('delete', ({ metadata }) => void seen.deleted.add(metadata!.name!));
  informer.on('error', () => {});
  await informer.start();
  return { expect: expectation(seen), stop: () => informer.stop() };
}
