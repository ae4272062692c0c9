import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { ApisApi, NodeApi, NodeV1Api, type V1RuntimeClass, Watch } from '@kubernetes/client-node';
import { until } from '../../cluster/fixture/until.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { agnhost, mergePatch, podOf, refused, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();
const classes = () => suite.config.makeApiClient(NodeV1Api);

const runtimeClassPod = (runtimeClassName: string) =>
  podOf('test-runtimeclass', agnhost(['pause']), { runtimeClassName });

/** A RuntimeClass of the node's own runtime. */
const create = (name: string, more: Partial<V1RuntimeClass> = {}) =>
  classes().createRuntimeClass({ body: { metadata: { name }, handler: 'crun', ...more } });

describe('RuntimeClass', { concurrency: 4 }, () => {
  conformance(
    '[sig-node] RuntimeClass should reject a Pod requesting a non-existent RuntimeClass [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'runtimeclass');
      await refused(namespace.create(runtimeClassPod('nonexistent')), 403);
    },
  );

  conformance(
    '[sig-node] RuntimeClass should reject a Pod requesting a deleted RuntimeClass [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'runtimeclass');
      await create('delete-me');
      await classes().deleteRuntimeClass({ name: 'delete-me' });
      await refused(classes().readRuntimeClass({ name: 'delete-me' }), 404);
      await refused(namespace.create(runtimeClassPod('delete-me')), 403);
    },
  );

  conformance(
    '[sig-node] RuntimeClass should schedule a Pod requesting a RuntimeClass without PodOverhead [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'runtimeclass');
      await create('preconfigured');
      const pod = await namespace.createReady(runtimeClassPod('preconfigured'));
      assert.ok(pod.spec?.nodeName);
      assert.equal(pod.spec.overhead, undefined);
    },
  );

  conformance(
    '[sig-node] RuntimeClass should schedule a Pod requesting a RuntimeClass and initialize its Overhead [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'runtimeclass');
      const podFixed = { cpu: '10m', memory: '1Mi' };
      await create('with-overhead', { overhead: { podFixed } });
      const pod = await namespace.createReady(runtimeClassPod('with-overhead'));
      assert.ok(pod.spec?.nodeName);
      assert.deepEqual(pod.spec.overhead, podFixed);
    },
  );

  conformance('[sig-node] RuntimeClass should support RuntimeClasses API operations', async () => {
    const api = classes();
    const groups = (await suite.config.makeApiClient(ApisApi).getAPIVersions()).groups;
    const versions = groups.find(({ name }) => name === 'node.k8s.io')?.versions;
    assert.ok(versions?.some(({ version }) => version === 'v1'));
    const group = await suite.config.makeApiClient(NodeApi).getAPIGroup();
    assert.ok(group.versions.some(({ version }) => version === 'v1'));
    assert.ok((await api.getAPIResources()).resources.some(({ name }) => name === 'runtimeclasses'));

    const labels = { test: 'runtimeclass-api' };
    const labelSelector = 'test=runtimeclass-api';
    const body = (n: number) => ({ metadata: { name: `conformance-${n}`, labels }, handler: `handler-${n}` });
    const count = async () => (await api.listRuntimeClass({ labelSelector })).items.length;
    const created = await api.createRuntimeClass({ body: body(1) });
    assert.equal((await refused(api.createRuntimeClass({ body: body(1) }), 409)).reason, 'AlreadyExists');
    await api.createRuntimeClass({ body: body(2) });
    const seen: { type: string; object: V1RuntimeClass }[] = [];
    const watch = await new Watch(suite.config).watch(
      '/apis/node.k8s.io/v1/runtimeclasses',
      { labelSelector },
      (type, object) => seen.push({ type, object }),
      () => {},
    );
    await api.createRuntimeClass({ body: body(3) });
    const name = 'conformance-1';
    assert.equal((await api.readRuntimeClass({ name })).metadata?.uid, created.metadata?.uid);
    assert.equal(await count(), 3);

    const patch = { metadata: { annotations: { patched: 'true' } } };
    const patched = await api.patchRuntimeClass({ name, body: patch }, mergePatch);
    assert.equal(patched.metadata?.annotations?.patched, 'true');
    patched.metadata = { ...patched.metadata, annotations: { patched: 'true', updated: 'true' } };
    const updated = await api.replaceRuntimeClass({ name, body: patched });
    assert.equal(updated.metadata?.annotations?.updated, 'true');

    const sees = (what: string, type: string, annotation?: string) =>
      until(`the watch has seen ${what}`, () =>
        seen.some((event) => event.type === type && (!annotation || event.object.metadata?.annotations?.[annotation])),
      );
    await sees('the third one', 'ADDED');
    await sees('the patch', 'MODIFIED', 'patched');
    await sees('the update', 'MODIFIED', 'updated');
    watch.abort();

    await api.deleteRuntimeClass({ name });
    await refused(api.readRuntimeClass({ name }), 404);
    assert.equal(await count(), 2);
    await api.deleteCollectionRuntimeClass({ labelSelector });
    assert.equal(await count(), 0);
  });
});
