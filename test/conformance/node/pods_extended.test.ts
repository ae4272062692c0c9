// test/e2e/node/pods.go; test/e2e/common/node/pods.go is pods.test.ts.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { V1Pod } from '@kubernetes/client-node';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { agnhost, busybox, podOf, testNamespace } from '../fixture/namespace.ts';
import { otherTesthost } from '../fixture/testhost-image.ts';

const suite = useConformanceCluster();

describe('Pods, extended', { concurrency: 4 }, () => {
  conformance(
    '[sig-node] Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu',
    async () => {
      const namespace = await testNamespace(suite, 'pods');
      const amounts = { cpu: '100m', memory: '100Mi' };
      await namespace.create(podOf('qos', agnhost(['pause'], { resources: { limits: amounts, requests: amounts } })));
      assert.equal((await namespace.get('qos')).status?.qosClass, 'Guaranteed');
    },
  );

  conformance(
    '[sig-node] Pods Extended (pod generation) Pod Generation pod generation should start at 1 and increment per update [MinimumKubeletVersion:1.34]',
    async () => {
      const namespace = await testNamespace(suite, 'pods');
      const name = 'generation';
      const initContainers = [busybox(['true'], { name: 'init-container' })];
      const created = await namespace.createReady(podOf(name, agnhost(undefined), { initContainers }));
      assert.equal(created.metadata?.generation, 1);
      let expected = 1;
      const update = async (what: string, bump: boolean, change: (pod: V1Pod) => void) => {
        await namespace.update(name, change);
        if (bump) expected++;
        assert.equal((await namespace.get(name)).metadata?.generation, expected, what);
        await namespace.until(name, (pod) => pod?.status?.observedGeneration === expected);
      };
      await update('an empty update', false, () => {});
      await update('tolerations', true, ({ spec }) => {
        const toleration = { key: 'foo', operator: 'Equal', value: 'bar', effect: 'NoSchedule' };
        spec?.tolerations?.push(toleration);
      });
      await update('activeDeadlineSeconds', true, ({ spec }) => {
        if (spec) spec.activeDeadlineSeconds = 5000;
      });
      await update("a container's image", true, ({ spec }) => {
        Object.assign(spec?.containers[0] ?? {}, { image: otherTesthost });
      });
      await update("an init container's image", true, ({ spec }) => {
        Object.assign(spec?.initContainers?.[0] ?? {}, { image: otherTesthost });
      });
      await update('metadata', false, (pod) => {
        pod.metadata = { ...pod.metadata, annotations: { key: 'value' } };
      });
      await update('a generation by the client', false, (pod) => {
        pod.metadata = { ...pod.metadata, generation: 1 };
      });
    },
  );

  conformance(
    '[sig-node] Pods Extended (pod generation) Pod Generation custom-set generation on new pods and graceful delete',
    async () => {
      const namespace = await testNamespace(suite, 'pods');
      const name = 'generation';
      const pod = podOf(name, agnhost(undefined));
      const created = await namespace.createReady({ ...pod, metadata: { ...pod.metadata, generation: 100 } });
      assert.equal(created.metadata?.generation, 1);
      // Nobody ends before the deletion is looked at: the Pod's first process heeds SIGTERM only after a while.
      const stubborn = podOf('stubborn', busybox(['sh', '-c', 'trap "" TERM; sleep 600 & wait; sleep 600']));
      await namespace.createReady({ ...stubborn, metadata: { name: 'stubborn', generation: 100 } });
      const gracePeriodSeconds = 60;
      await namespace.core.deleteNamespacedPod({ namespace: namespace.name, name: 'stubborn', gracePeriodSeconds });
      assert.equal((await namespace.get('stubborn')).metadata?.generation, 2);
      await namespace.remove('stubborn', 0);
    },
  );

  conformance(
    '[sig-node] Pods Extended (pod generation) Pod Generation issue 500 podspec updates and verify generation and observedGeneration eventually converge [MinimumKubeletVersion:1.34]',
    async () => {
      const namespace = await testNamespace(suite, 'pods');
      const name = 'generation';
      const created = await namespace.createReady(podOf(name, agnhost(undefined), { activeDeadlineSeconds: 5000 }));
      assert.equal(created.metadata?.generation, 1);
      for (let deadline = 4999; deadline > 4500; deadline--)
        await namespace.update(name, ({ spec }) => {
          if (spec) spec.activeDeadlineSeconds = deadline;
        });
      const pod = await namespace.until(name, (one) => one?.status?.observedGeneration === 500);
      assert.equal(pod.metadata.generation, 500);
      await namespace.until(name, (one) =>
        one?.status?.conditions?.every(({ observedGeneration }) => observedGeneration === 500),
      );
    },
  );
});
