import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { until } from '../../cluster/fixture/until.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { busybox, podOf, strategicMergePatch, testNamespace } from '../fixture/namespace.ts';
import { testhost } from '../fixture/testhost-image.ts';

const suite = useConformanceCluster();
const name = 'ephemeral-containers-target-pod';

/** A Pod with an ephemeral container that has been seen to run, to answer exec and to write a log. */
async function withDebugger() {
  const namespace = await testNamespace(suite, 'ephemeral');
  const pod = await namespace.createReady(podOf(name, busybox(['/bin/sleep'], { args: ['10000'] })));
  assert.equal(pod.metadata?.generation, 1);
  const container = {
    name: 'debugger',
    image: testhost,
    command: ['/bin/sh', '-c', 'while true; do echo polo; sleep 2; done'],
    stdin: true,
    tty: true,
  };
  const body = { spec: { ephemeralContainers: [container] } };
  const patch = { namespace: namespace.name, name, body };
  await namespace.core.patchNamespacedPodEphemeralcontainers(patch, strategicMergePatch);
  await namespace.until(name, (one) => one?.status?.ephemeralContainerStatuses?.[0]?.state?.running);
  assert.equal((await namespace.get(name)).metadata?.generation, 2);
  assert.match(await namespace.exec(name, 'debugger', '/bin/echo', 'marco'), /marco/);
  await until('the log holds what the container writes', async () =>
    (await namespace.logs(name, 'debugger')).includes('polo'),
  );
  return namespace;
}

describe('ephemeral containers', { concurrency: 2 }, () => {
  conformance(
    '[sig-node] Ephemeral Containers will start an ephemeral container in an existing pod [NodeConformance]',
    async () => {
      await withDebugger();
    },
  );

  conformance(
    '[sig-node] Ephemeral Containers should update the ephemeral containers in an existing pod [NodeConformance]',
    async () => {
      const { core, name: namespace } = await withDebugger();
      const read = async () =>
        (await core.readNamespacedPodEphemeralcontainers({ namespace, name })).spec?.ephemeralContainers;
      assert.equal((await read())?.length, 1);
      await until('the update meets no other', async () => {
        const body = await core.readNamespacedPod({ namespace, name });
        body.spec?.ephemeralContainers?.push({
          name: 'debugger2',
          image: testhost,
          imagePullPolicy: 'IfNotPresent',
          terminationMessagePolicy: 'File',
        });
        return core.replaceNamespacedPodEphemeralcontainers({ namespace, name, body });
      });
      assert.equal((await read())?.length, 2);
    },
  );
});
