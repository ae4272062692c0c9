import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { CoreV1Api, type V1Node } from '@kubernetes/client-node';
import { until } from '../../cluster/fixture/until.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { refused, strategicMergePatch } from '../fixture/namespace.ts';

const suite = useConformanceCluster();

describe('Node lifecycle', () => {
  conformance('[sig-node] Node Lifecycle should run through the lifecycle of a node', async () => {
    const core = suite.config.makeApiClient(CoreV1Api);
    const name = 'e2e-fake-node';
    const condition = { type: 'Ready', status: 'True', reason: 'E2E', message: 'Set from e2e test' };
    const body: V1Node = {
      metadata: { name },
      spec: { unschedulable: true },
      status: { phase: 'Running', conditions: [condition] },
    };
    const created = await core.createNode({ body });
    assert.equal(created.metadata?.name, name);
    assert.equal((await core.readNode({ name })).metadata?.name, name);

    const patch = { metadata: { labels: { [name]: 'patched' } } };
    const patched = await core.patchNode({ name, body: patch }, strategicMergePatch);
    assert.equal(patched.metadata?.labels?.[name], 'patched');
    assert.ok(BigInt(patched.metadata?.resourceVersion ?? 0) > BigInt(created.metadata?.resourceVersion ?? 0));
    const { items } = await core.listNode({ labelSelector: `${name}=patched` });
    assert.equal(items.length, 1);

    // The control plane may write the Node meanwhile: a conflict is tried again.
    const updated = await until('the update meets no other', async () => {
      const node = await core.readNode({ name });
      node.metadata = { ...node.metadata, labels: { ...node.metadata?.labels, [name]: 'updated' } };
      return core.replaceNode({ name, body: node });
    });
    assert.equal(updated.metadata?.labels?.[name], 'updated');

    await core.deleteNode({ name });
    await refused(core.readNode({ name }), 404);
  });
});
