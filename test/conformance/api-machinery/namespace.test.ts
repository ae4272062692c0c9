import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe } from 'node:test';
import { configMaps, namespaces, pods, services } from '../../../src/api/resource.ts';
import { shell, stay } from '../../cluster/fixture/objects.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { refused } from '../fixture/kube.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());
const spaces = kube.of(namespaces);

const simplePod = (name: string) => ({
  metadata: { name },
  spec: { terminationGracePeriodSeconds: 1, containers: [shell(stay)] },
});

/** Deletes the namespace, waits for its end, and makes it anew. */
async function replaceNamespace(name: string): Promise<void> {
  await spaces.delete(name);
  await spaces.untilGone(name);
  await spaces.create({ metadata: { name } });
}

describe('namespaces', { concurrency: 4 }, () => {
  conformance(
    '[sig-api-machinery] Namespaces should ensure that all pods are removed when a namespace is deleted [Serial]',
    async () => {
      const name = await kube.namespace('nsdeletetest');
      const inside = kube.of(pods, name);
      await inside.create(simplePod('test-pod'));
      await inside.until('test-pod', (pod) => pod?.status?.phase === 'Running');
      await replaceNamespace(name);
      await refused(inside.get('test-pod'), 404);
    },
  );

  conformance(
    '[sig-api-machinery] Namespaces should ensure that all services are removed when a namespace is deleted [Serial]',
    async () => {
      const name = await kube.namespace('nsdeletetest');
      const inside = kube.of(services, name);
      await inside.create({
        metadata: { name: 'test-service' },
        spec: { selector: { foo: 'bar', baz: 'blah' }, ports: [{ port: 80, targetPort: 80 }] },
      });
      await replaceNamespace(name);
      await refused(inside.get('test-service'), 404);
    },
  );

  conformance('[sig-api-machinery] Namespaces should patch a Namespace [Serial]', async () => {
    const name = `nspatchtest-${randomUUID()}`;
    await spaces.create({ metadata: { name } });
    await spaces.patch(name, 'strategic', { metadata: { labels: { testLabel: 'testValue' } } });
    assert.equal((await spaces.get(name)).metadata.labels?.testLabel, 'testValue');
  });

  conformance('[sig-api-machinery] Namespaces should apply changes to a namespace status [Serial]', async () => {
    const name = await kube.namespace('namespaces');
    assert.equal((await spaces.get(name, 'status')).status?.phase, 'Active');
    const condition = (type: string) => ({ type, status: 'True', reason: 'E2E', message: 'Set by an e2e test' });
    const patched = await spaces.patch(
      name,
      'merge',
      {
        metadata: { annotations: { 'e2e-patched-ns-status': name } },
        status: { conditions: [condition('StatusPatch')] },
      },
      'status',
    );
    assert.equal(patched.metadata.annotations?.['e2e-patched-ns-status'], name);
    assert.deepEqual(
      patched.status?.conditions?.map(({ type, message }) => [type, message]),
      [['StatusPatch', 'Set by an e2e test']],
    );
    const updated = await spaces.change(
      name,
      ({ status }) => {
        status!.conditions!.push(condition('StatusUpdate') as never);
      },
      'status',
    );
    assert.deepEqual(
      updated.status?.conditions?.map(({ type }) => type),
      ['StatusPatch', 'StatusUpdate'],
    );
    assert.equal(updated.status?.phase, 'Active');
  });

  conformance('[sig-api-machinery] Namespaces should apply an update to a Namespace [Serial]', async () => {
    const name = await kube.namespace('namespaces');
    const updated = await spaces.change(name, ({ metadata }) => {
      metadata.labels![name] = 'updated';
    });
    assert.equal(updated.metadata.labels?.[name], 'updated');
  });

  conformance('[sig-api-machinery] Namespaces should apply a finalizer to a Namespace [Serial]', async () => {
    const name = `e2e-ns-${randomUUID().slice(0, 5)}`;
    const finalizer = 'e2e.example.com/fakeFinalizer';
    await spaces.create({ metadata: { name } });
    const added = await spaces.change(name, ({ spec }) => void spec.finalizers!.push(finalizer as never), 'finalize');
    assert.deepEqual(added.spec.finalizers, ['kubernetes', finalizer]);
    const removed = await spaces.change(
      name,
      ({ spec }) => {
        spec.finalizers = spec.finalizers!.filter((other) => other !== finalizer);
      },
      'finalize',
    );
    assert.deepEqual(removed.spec.finalizers, ['kubernetes']);
  });

  conformance('[sig-api-machinery] OrderedNamespaceDeletion namespace deletion should delete pod first', async () => {
    const name = await kube.namespace('namespace-deletion');
    const [inside, maps] = [kube.of(pods, name), kube.of(configMaps, name)];
    await inside.create({
      ...simplePod('test-pod'),
      metadata: { name: 'test-pod', finalizers: ['e2e.example.com/finalizer'] },
    });
    await inside.until('test-pod', (pod) => pod?.status?.phase === 'Running');
    await maps.create({ metadata: { name: 'test-configmap' }, data: { key: 'value' } });
    await spaces.delete(name);
    await inside.until('test-pod', (pod) => pod?.metadata.deletionTimestamp);
    const waiting = await spaces.until(name, (namespace) =>
      namespace?.status?.conditions?.some(
        ({ type, status }) => type === 'NamespaceContentRemaining' && status === 'True',
      ),
    );
    assert.equal(waiting.status?.phase, 'Terminating');
    assert.equal((await maps.get('test-configmap')).metadata.deletionTimestamp, undefined);
    await inside.patch('test-pod', 'json', [{ op: 'remove', path: '/metadata/finalizers' }]);
    await inside.untilGone('test-pod');
    await maps.untilGone('test-configmap');
    await spaces.untilGone(name);
  });
});
