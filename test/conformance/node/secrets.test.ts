import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { busybox, podOf, refused, strategicMergePatch, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();
const base64 = (text: string) => Buffer.from(text).toString('base64');
const stringData = { 'data-1': 'value-1', 'data-2': 'value-2', 'data-3': 'value-3' };
const envData = { data_1: 'value-1', data_2: 'value-2', data_3: 'value-3' };

/** A namespace with a Secret 'secret'. */
async function withSecret(values: Record<string, string>) {
  const namespace = await testNamespace(suite);
  const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, base64(value)]));
  const body = { metadata: { name: 'secret' }, data };
  await namespace.core.createNamespacedSecret({ namespace: namespace.name, body });
  return namespace;
}

describe('Secrets', { concurrency: 4 }, () => {
  conformance('[sig-node] Secrets should be consumable from pods in env vars [NodeConformance]', async () => {
    const namespace = await withSecret(stringData);
    const valueFrom = { secretKeyRef: { name: 'secret', key: 'data-1' } };
    const container = busybox(['env'], { env: [{ name: 'SECRET_DATA', valueFrom }] });
    assert.match(await namespace.output(podOf('reader', container)), /^SECRET_DATA=value-1$/m);
  });

  conformance('[sig-node] Secrets should be consumable via the environment [NodeConformance]', async () => {
    const namespace = await withSecret(envData);
    const secretRef = { name: 'secret' };
    const envFrom = [{ secretRef }, { prefix: 'p_', secretRef }];
    const lines = (await namespace.output(podOf('reader', busybox(['env'], { envFrom })))).split('\n');
    for (const [key, value] of Object.entries(envData))
      for (const prefix of ['', 'p_']) assert.ok(lines.includes(`${prefix}${key}=${value}`), lines.join('\n'));
  });

  conformance(
    '[sig-node] Secrets should be consumable as environment variable names variable names with various prefixes',
    async () => {
      const namespace = await withSecret(stringData);
      const secretRef = { name: 'secret' };
      const envFrom = [{ secretRef }, { prefix: 'p-', secretRef }];
      const lines = (await namespace.output(podOf('reader', busybox(['env'], { envFrom })))).split('\n');
      for (const [key, value] of Object.entries(stringData))
        for (const prefix of ['', 'p-']) assert.ok(lines.includes(`${prefix}${key}=${value}`), lines.join('\n'));
    },
  );

  conformance('[sig-node] Secrets should fail to create secret due to empty secret key', async () => {
    const { core, name: namespace } = await testNamespace(suite);
    const body = { metadata: { name: 'empty-key' }, data: { '': base64('value-1\n') } };
    await refused(core.createNamespacedSecret({ namespace, body }), 422);
  });

  conformance('[sig-node] Secrets should patch a secret', async () => {
    const { core, name: namespace } = await testNamespace(suite);
    const name = 'test-secret';
    const labelSelector = 'testsecret-constant=true';
    const metadata = { name, labels: { 'testsecret-constant': 'true' } };
    await core.createNamespacedSecret({
      namespace,
      body: { metadata, data: { key: base64('value') }, type: 'Opaque' },
    });
    const listed = async () =>
      (await core.listSecretForAllNamespaces({ labelSelector })).items.find(
        (secret) => secret.metadata?.name === name && secret.metadata.namespace === namespace,
      );
    assert.equal((await listed())?.data?.key, base64('value'));

    const patch = { metadata: { labels: { testsecret: 'true' } }, data: { key: base64('value1') } };
    await core.patchNamespacedSecret({ namespace, name, body: patch }, strategicMergePatch);
    const read = await core.readNamespacedSecret({ namespace, name });
    assert.equal(read.metadata?.labels?.testsecret, 'true');
    assert.equal(read.data?.key, base64('value1'));

    await core.deleteCollectionNamespacedSecret({ namespace, labelSelector });
    assert.equal(await listed(), undefined);
  });
});
