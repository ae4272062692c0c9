// test/e2e/common/node/pods.go; test/e2e/node/pods.go is pods_extended.test.ts.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Watch } from '@kubernetes/client-node';
import WebSocket from 'ws';
import type { Pod } from '../../../src/api/generated/core-v1.ts';
import { until } from '../../cluster/fixture/until.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import {
  agnhost,
  busybox,
  netexec,
  podOf,
  refused,
  strategicMergePatch,
  type TestNamespace,
  testNamespace,
} from '../fixture/namespace.ts';
import { otherTesthost } from '../fixture/testhost-image.ts';

const suite = useConformanceCluster();

/** Follows the Pods of a label from a resourceVersion on, until one event satisfies. */
function watchPods(namespace: TestNamespace, labelSelector: string, resourceVersion: string | undefined) {
  const events: { type: string; pod: Pod }[] = [];
  const watch = new Watch(suite.config).watch(
    `/api/v1/namespaces/${namespace.name}/pods`,
    { labelSelector, resourceVersion },
    (type, pod) => events.push({ type, pod }),
    () => {},
  );
  return {
    events,
    saw: (what: string, predicate: (event: { type: string; pod: Pod }) => boolean) =>
      until(what, () => events.find(predicate)),
    stop: async () => (await watch).abort(),
  };
}

/** What a WebSocket of the API server sends until it closes it. */
async function receive(path: string, protocol: string): Promise<Buffer[]> {
  const { server } = suite.config.getCurrentCluster() ?? {};
  const options: WebSocket.ClientOptions = {};
  await suite.config.applyToHTTPSOptions(options as never);
  const socket = new WebSocket(`${server?.replace(/^http/, 'ws')}${path}`, [protocol], options);
  const messages: Buffer[] = [];
  socket.on('message', (data: Buffer) => messages.push(data));
  await new Promise<void>((resolve, reject) => socket.on('close', () => resolve()).on('error', reject));
  return messages;
}

describe('Pods', { concurrency: 4 }, () => {
  conformance('[sig-node] Pods should get a host IP [NodeConformance]', async () => {
    const namespace = await testNamespace(suite, 'pods');
    await namespace.create(podOf('host-ip', agnhost(undefined)));
    const pod = await namespace.until('host-ip', (one) => one?.status?.hostIP);
    assert.match(pod.status?.hostIP ?? '', /^(\d{1,3}\.){3}\d{1,3}$/);
  });

  conformance('[sig-node] Pods should be submitted and removed [NodeConformance]', async () => {
    const namespace = await testNamespace(suite, 'pods');
    const labelSelector = 'name=submitted';
    const list = () => namespace.core.listNamespacedPod({ namespace: namespace.name, labelSelector });
    const before = await list();
    assert.equal(before.items.length, 0);
    const watch = watchPods(namespace, labelSelector, before.metadata?.resourceVersion);

    await namespace.create(podOf('submitted', netexec()));
    assert.equal((await list()).items.length, 1);
    await watch.saw('the Pod is created', () => true);
    assert.equal(watch.events[0]?.type, 'ADDED');
    // A program that does not listen yet has no handler for SIGTERM either.
    await namespace.space.untilReady('submitted');

    await namespace.core.deleteNamespacedPod({ namespace: namespace.name, name: 'submitted', gracePeriodSeconds: 30 });
    const { pod } = await watch.saw('the Pod is deleted', ({ type }) => type === 'DELETED');
    await watch.stop();
    assert.ok(pod.metadata.deletionTimestamp);
    assert.notEqual(pod.spec.terminationGracePeriodSeconds, 0);
    assert.equal((await list()).items.length, 0);
  });

  conformance('[sig-node] Pods should be updated [NodeConformance]', async () => {
    const namespace = await testNamespace(suite, 'pods');
    await namespace.createReady(podOf('updated', agnhost(['pause'])));
    const count = async (labelSelector: string) =>
      (await namespace.core.listNamespacedPod({ namespace: namespace.name, labelSelector })).items.length;
    assert.equal(await count('name=updated'), 1);
    await namespace.update('updated', (pod) => {
      pod.metadata = { ...pod.metadata, labels: { name: 'changed' } };
    });
    await namespace.untilRunning('updated');
    assert.equal(await count('name=changed'), 1);
  });

  conformance('[sig-node] Pods should allow activeDeadlineSeconds to be updated [NodeConformance]', async () => {
    const namespace = await testNamespace(suite, 'pods');
    await namespace.createReady(podOf('deadline', agnhost(['pause'])));
    await namespace.update('deadline', (pod) => {
      if (pod.spec) pod.spec.activeDeadlineSeconds = 2;
    });
    const pod = await namespace.until('deadline', (one) => one?.status?.phase === 'Failed');
    assert.equal(pod.status?.reason, 'DeadlineExceeded');
  });

  conformance('[sig-node] Pods should contain environment variables for services [NodeConformance]', async () => {
    const namespace = await testNamespace(suite, 'pods');
    await namespace.createReady(podOf('server-envvars', agnhost(['serve-hostname'])));
    await namespace.core.createNamespacedService({
      namespace: namespace.name,
      body: {
        metadata: { name: 'fooservice' },
        spec: { ports: [{ port: 8765, targetPort: 8080 }], selector: { name: 'server-envvars' } },
      },
    });
    let attempt = 0;
    // The kubelet may not know of the Service when the first Pod starts.
    const output = await until('a Pod has the variables', async () => {
      const env = await namespace.output(podOf(`client-envvars-${attempt++}`, busybox(['sh', '-c', 'env'])));
      return env.includes('FOOSERVICE_SERVICE_HOST=') && env;
    });
    const tcp = 'FOOSERVICE_PORT_8765_TCP';
    for (const name of [
      'FOOSERVICE_SERVICE_PORT',
      'FOOSERVICE_PORT',
      `${tcp}_PORT`,
      `${tcp}_PROTO`,
      tcp,
      `${tcp}_ADDR`,
    ])
      assert.match(output, new RegExp(`^${name}=.`, 'm'));
    assert.match(output, /^FOOSERVICE_PORT_8765_TCP_PORT=8765$/m);
  });

  conformance('[sig-node] Pods should support remote command execution over websockets [NodeConformance]', async () => {
    const namespace = await testNamespace(suite, 'pods');
    await namespace.createReady(podOf('exec', busybox(['/bin/sh', '-c', 'echo container is alive; sleep 600'])));
    const query = 'stderr=1&stdout=1&container=busybox&command=echo&command=remote%20execution%20test';
    const url = `/api/v1/namespaces/${namespace.name}/pods/exec/exec?${query}`;
    const messages = (await receive(url, 'channel.k8s.io')).filter(({ length }) => length > 1);
    for (const message of messages) assert.equal(message[0], 1, `channel of ${message}`);
    assert.match(messages.map((message) => message.subarray(1).toString()).join(''), /remote execution test/);
  });

  conformance(
    '[sig-node] Pods should support retrieving logs from the container over websockets [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'pods');
      await namespace.createReady(podOf('logs', busybox(['/bin/sh', '-c', 'echo container is alive; sleep 10000'])));
      const url = `/api/v1/namespaces/${namespace.name}/pods/logs/log?container=busybox`;
      await until('the container has written its line', async () => (await namespace.logs('logs')).length > 0);
      assert.equal(Buffer.concat(await receive(url, 'binary.k8s.io')).toString(), 'container is alive\n');
    },
  );

  conformance('[sig-node] Pods should delete a collection of pods', async () => {
    const namespace = await testNamespace(suite, 'pods');
    const labelSelector = 'type=Testing';
    const count = async () =>
      (await namespace.core.listNamespacedPod({ namespace: namespace.name, labelSelector })).items.length;
    for (const name of ['test-pod-1', 'test-pod-2', 'test-pod-3']) {
      const pod = podOf(name, agnhost(undefined), { terminationGracePeriodSeconds: 0 });
      await namespace.create({ ...pod, metadata: { name, labels: { type: 'Testing' } } });
    }
    assert.equal(await count(), 3);
    await namespace.core.deleteCollectionNamespacedPod({
      namespace: namespace.name,
      labelSelector,
      gracePeriodSeconds: 0,
    });
    await until('all are gone', async () => (await count()) === 0);
  });

  conformance('[sig-node] Pods should run through the lifecycle of Pods and PodStatus', async () => {
    const namespace = await testNamespace(suite, 'pods');
    const name = 'pod-test';
    const labelSelector = 'test-pod-static=true';
    const { metadata } = await namespace.core.listPodForAllNamespaces({ labelSelector });
    const watch = watchPods(namespace, labelSelector, metadata?.resourceVersion);
    const body = podOf(name, netexec(), { restartPolicy: 'Always', terminationGracePeriodSeconds: 0 });
    await namespace.create({ ...body, metadata: { name, labels: { 'test-pod-static': 'true' } } });
    await watch.saw('the Pod is ready', ({ pod }) =>
      Boolean(pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')),
    );

    const patch = {
      metadata: { labels: { 'test-pod': 'patched' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'agnhost-container', image: otherTesthost }],
      },
    };
    await namespace.core.patchNamespacedPod({ namespace: namespace.name, name, body: patch }, strategicMergePatch);
    await watch.saw('the Pod is patched', ({ type, pod }) => type === 'MODIFIED' && pod.metadata.name === name);
    const patched = await namespace.get(name);
    assert.equal(patched.metadata?.labels?.['test-pod'], 'patched');
    assert.equal(patched.spec?.containers[0]?.image, otherTesthost);

    const unready = await until('its conditions are replaced', async () => {
      const pod = await namespace.core.readNamespacedPodStatus({ namespace: namespace.name, name });
      const conditions = pod.status?.conditions?.filter(({ type }) => type === 'Ready' || type === 'ContainersReady');
      // The container is exchanged meanwhile, and its Pod not ready for a moment.
      if (conditions?.length !== 2 || conditions.some(({ status }) => status !== 'True')) return false;
      for (const condition of conditions) condition.status = 'False';
      return namespace.core.replaceNamespacedPodStatus({ namespace: namespace.name, name, body: pod });
    });
    const statuses = unready.status?.conditions?.filter(({ type }) => type === 'Ready' || type === 'ContainersReady');
    assert.deepEqual(
      statuses?.map(({ status }) => status),
      ['False', 'False'],
    );

    await namespace.core.deleteCollectionNamespacedPod({
      namespace: namespace.name,
      labelSelector,
      gracePeriodSeconds: 0,
    });
    await watch.saw('the Pod is deleted', ({ type }) => type === 'DELETED');
    await watch.stop();
    await refused(namespace.get(name), 404);
  });

  conformance('[sig-node] Pods should patch a pod status', async () => {
    const namespace = await testNamespace(suite, 'pods');
    await namespace.create(podOf('patched', agnhost(undefined)));
    await namespace.untilRunning('patched');
    const { status } = await namespace.core.patchNamespacedPodStatus(
      {
        namespace: namespace.name,
        name: 'patched',
        body: {
          metadata: { annotations: { patchedstatus: 'true' } },
          status: { message: 'Patched by e2e test', reason: 'E2E' },
        },
      },
      strategicMergePatch,
    );
    assert.equal(status?.message, 'Patched by e2e test');
    assert.equal(status?.reason, 'E2E');
  });
});
