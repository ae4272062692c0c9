import assert from 'node:assert/strict';
import { after } from 'node:test';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { establish, placeOf, randomDefinition } from '../fixture/custom-resources.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

conformance(
  '[sig-api-machinery] CustomResourceDefinition Watch [Privileged:ClusterAdmin] CustomResourceDefinition Watch watch on custom resource definition objects',
  async () => {
    const crd = await establish(kube, randomDefinition());
    const objects = kube.of(placeOf(crd));
    const names = ['name1', 'name2'];
    const watches = await Promise.all(
      names.map((name) => objects.watch({ fieldSelector: `metadata.name=${name}`, timeoutSeconds: 600 })),
    );
    for (const name of names) {
      const created = await objects.create({ kind: crd.spec.names.kind, metadata: { name } });
      assert.ok(created.metadata.uid);
      assert.equal(created.apiVersion, `${crd.spec.group}/v1beta1`);
      assert.equal(created.kind, crd.spec.names.kind);
    }
    for (const name of names) await objects.patch(name, 'json', [{ op: 'add', path: '/dummy', value: 'test' }]);
    for (const name of names) await objects.delete(name);
    for (const [i, watching] of watches.entries()) {
      const seen = [await watching.next(), await watching.next(), await watching.next()];
      assert.deepEqual(
        seen
          .map(({ type, object }) => [type, object.metadata])
          .map(([type, meta]) => [type, (meta as { name: string }).name]),
        ['ADDED', 'MODIFIED', 'DELETED'].map((type) => [type, names[i]]),
      );
      assert.equal((seen[1]!.object as { dummy?: unknown }).dummy, 'test');
      assert.equal(await watching.any(300), false);
      watching.stop();
    }
  },
);
