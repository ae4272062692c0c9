import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { CoreV1Api } from '@kubernetes/client-node';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { agnhost, jsonPatch, podOf, testNamespace } from '../fixture/namespace.ts';

// One after the other: both taint the node.
const suite = useConformanceCluster();
const taint = { key: 'kubernetes.io/e2e-evict-taint-key', value: 'evictTaintVal', effect: 'NoExecute' };
const tolerating = (name: string, tolerationSeconds: number) =>
  podOf(name, agnhost(['pause']), { tolerations: [{ ...taint, operator: 'Equal', tolerationSeconds }] });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Taints the node of a Pod; returns what takes the taint away. */
async function taintNode(name: string): Promise<() => Promise<void>> {
  const core = suite.config.makeApiClient(CoreV1Api);
  const set = async (taints: object[]) => {
    await core.patchNode({ name, body: [{ op: 'add', path: '/spec/taints', value: taints }] }, jsonPatch);
  };
  await set([taint]);
  assert.deepEqual(
    (await core.readNode({ name })).spec?.taints?.map(({ key }) => key),
    [taint.key],
  );
  return () => set([]);
}

describe('NoExecute taints', () => {
  conformance(
    '[sig-node] NoExecuteTaintManager Single Pod removing taint cancels eviction [Disruptive] [Serial]',
    async () => {
      const namespace = await testNamespace(suite, 'taint');
      const pod = await namespace.createReady(tolerating('taint-eviction', 3));
      const untaint = await taintNode(pod.spec?.nodeName ?? '');
      try {
        await pause(1000);
        assert.equal((await namespace.get('taint-eviction')).metadata?.deletionTimestamp, undefined);
      } finally {
        await untaint();
      }
      await pause(5000);
      const left = await namespace.get('taint-eviction');
      assert.equal(left.metadata?.deletionTimestamp, undefined);
      assert.equal(left.metadata?.uid, pod.metadata?.uid);
    },
  );

  conformance(
    '[sig-node] NoExecuteTaintManager Multiple Pods evicts pods with minTolerationSeconds [Disruptive] [Serial]',
    async () => {
      const namespace = await testNamespace(suite, 'taint');
      const first = await namespace.createReady(tolerating('first', 2));
      await namespace.createReady(tolerating('second', 5));
      const untaint = await taintNode(first.spec?.nodeName ?? '');
      try {
        await namespace.until('first', (pod) => !pod);
        const second = await namespace.get('second');
        assert.equal(second.metadata?.deletionTimestamp, undefined, 'the second tolerates the taint for longer');
        await namespace.until('second', (pod) => !pod);
      } finally {
        await untaint();
      }
    },
  );
});
