import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { V1PodTemplate } from '@kubernetes/client-node';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { strategicMergePatch, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();

const template = (name: string, labels: Record<string, string>): V1PodTemplate => ({
  metadata: { name, labels },
  template: { metadata: { labels }, spec: { containers: [{ name: 'nginx', image: 'nginx' }] } },
});

describe('PodTemplates', { concurrency: 3 }, () => {
  conformance('[sig-node] PodTemplates should run the lifecycle of PodTemplates', async () => {
    const { core, name: namespace } = await testNamespace(suite, 'podtemplates');
    const labelSelector = 'podtemplate-static=true';
    const listed = async () => (await core.listPodTemplateForAllNamespaces({ labelSelector })).items.length;
    assert.equal(await listed(), 0);
    const name = 'nginx-pod-template';
    await core.createNamespacedPodTemplate({ namespace, body: template(name, { 'podtemplate-static': 'true' }) });
    assert.equal((await core.readNamespacedPodTemplate({ namespace, name })).metadata?.name, name);
    const body = { metadata: { labels: { podtemplate: 'patched' } } };
    await core.patchNamespacedPodTemplate({ namespace, name, body }, strategicMergePatch);
    const patched = await core.readNamespacedPodTemplate({ namespace, name });
    assert.equal(patched.metadata?.labels?.podtemplate, 'patched');
    await core.deleteNamespacedPodTemplate({ namespace, name });
    assert.equal(await listed(), 0);
  });

  conformance('[sig-node] PodTemplates should delete a collection of pod templates', async () => {
    const { core, name: namespace } = await testNamespace(suite, 'podtemplates');
    const labelSelector = 'podtemplate-set=true';
    const names = async () =>
      (await core.listNamespacedPodTemplate({ namespace, labelSelector })).items.map(({ metadata }) => metadata?.name);
    const wanted = ['test-podtemplate-1', 'test-podtemplate-2', 'test-podtemplate-3'];
    for (const name of wanted)
      await core.createNamespacedPodTemplate({ namespace, body: template(name, { 'podtemplate-set': 'true' }) });
    assert.deepEqual(await names(), wanted);
    await core.deleteCollectionNamespacedPodTemplate({ namespace, labelSelector });
    assert.deepEqual(await names(), []);
  });

  conformance('[sig-node] PodTemplates should replace a pod template', async () => {
    const { core, name: namespace } = await testNamespace(suite, 'podtemplates');
    const name = 'podtemplate';
    await core.createNamespacedPodTemplate({ namespace, body: template(name, { 'e2e-test': name }) });
    const body = await core.readNamespacedPodTemplate({ namespace, name });
    body.metadata = { ...body.metadata, annotations: { updated: 'true' } };
    const replaced = await core.replaceNamespacedPodTemplate({ namespace, name, body });
    assert.equal(replaced.metadata?.annotations?.updated, 'true');
    assert.equal(replaced.metadata?.uid, body.metadata.uid);
  });
});
