import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { V1EnvVar } from '@kubernetes/client-node';
import { until } from '../../cluster/fixture/until.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { busybox, podOf, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();
const volumes = [{ name: 'workdir1', emptyDir: {} }];

/** A Pod whose volume's subPath comes from its own annotation. */
function annotated(annotations: Record<string, string>) {
  const fieldRef = { apiVersion: 'v1', fieldPath: "metadata.annotations['mysubpath']" };
  const env: V1EnvVar[] = [
    { name: 'POD_NAME', value: 'foo' },
    { name: 'ANNOTATION', valueFrom: { fieldRef } },
  ];
  const volumeMounts = [
    { name: 'workdir1', mountPath: '/subpath_mount', subPathExpr: '$(ANNOTATION)/$(POD_NAME)' },
    { name: 'workdir1', mountPath: '/volume_mount' },
  ];
  const container = busybox(['sh', '-c', 'tail -f /dev/null'], { name: 'dapi-container', env, volumeMounts });
  const pod = podOf('var-expansion', container, { volumes });
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

/** A container whose subPath expands to `value` cannot be configured. */
async function expectConfigError(value: string): Promise<void> {
  const namespace = await testNamespace(suite, 'expansion');
  const container = busybox(['true'], {
    env: [{ name: 'POD_NAME', value }],
    volumeMounts: [{ name: 'workdir1', mountPath: '/logscontainer', subPathExpr: '$(POD_NAME)' }],
  });
  await namespace.create(podOf('var-expansion', container, { volumes }));
  await namespace.until(
    'var-expansion',
    (pod) => pod?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
  );
  await namespace.remove('var-expansion');
}

describe('variable expansion', { concurrency: 4 }, () => {
  const env = [{ name: 'TEST_VAR', value: 'test-value' }];

  conformance(
    '[sig-node] Variable Expansion should allow composing env vars into new env vars [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'expansion');
      const container = busybox(['sh', '-c', 'env'], {
        env: [
          { name: 'FOO', value: 'foo-value' },
          { name: 'BAR', value: 'bar-value' },
          { name: 'FOOBAR', value: '$(FOO);;$(BAR)' },
        ],
      });
      const lines = (await namespace.output(podOf('var-expansion', container))).split('\n');
      for (const line of ['FOO=foo-value', 'BAR=bar-value', 'FOOBAR=foo-value;;bar-value'])
        assert.ok(lines.includes(line), lines.join('\n'));
    },
  );

  conformance(
    "[sig-node] Variable Expansion should allow substituting values in a container's command [NodeConformance]",
    async () => {
      const namespace = await testNamespace(suite, 'expansion');
      const container = busybox(['sh', '-c', 'TEST_VAR=wrong echo "$(TEST_VAR)"'], { env });
      assert.equal(await namespace.output(podOf('var-expansion', container)), 'test-value\n');
    },
  );

  conformance(
    "[sig-node] Variable Expansion should allow substituting values in a container's args [NodeConformance]",
    async () => {
      const namespace = await testNamespace(suite, 'expansion');
      const container = busybox(['sh', '-c'], { args: ['TEST_VAR=wrong echo "$(TEST_VAR)"'], env });
      assert.equal(await namespace.output(podOf('var-expansion', container)), 'test-value\n');
    },
  );

  conformance('[sig-node] Variable Expansion should allow substituting values in a volume subpath', async () => {
    const namespace = await testNamespace(suite, 'expansion');
    const container = busybox(['sh', '-c', 'test -d /testcontainer/var-expansion;echo $?'], {
      env: [{ name: 'POD_NAME', value: 'var-expansion' }],
      volumeMounts: [
        { name: 'workdir1', mountPath: '/logscontainer', subPathExpr: '$(POD_NAME)' },
        { name: 'workdir1', mountPath: '/testcontainer' },
      ],
    });
    assert.equal(await namespace.output(podOf('var-expansion', container, { volumes })), '0\n');
  });

  conformance('[sig-node] Variable Expansion should fail substituting values in a volume subpath with backticks', () =>
    expectConfigError('..'),
  );

  conformance(
    '[sig-node] Variable Expansion should fail substituting values in a volume subpath with absolute path',
    () => expectConfigError('/tmp'),
  );

  conformance(
    '[sig-node] Variable Expansion should verify that a failing subpath expansion can be modified during the lifecycle of a container [Slow]',
    async () => {
      const namespace = await testNamespace(suite, 'expansion');
      await namespace.create(annotated({ notmysubpath: 'mypath' }));
      await until('the expansion has failed', async () => {
        const { items } = await namespace.core.listNamespacedEvent({ namespace: namespace.name });
        return items.some(({ reason }) => reason === 'Failed');
      });
      const failing = await namespace.get('var-expansion');
      assert.equal(failing.status?.phase, 'Pending');
      assert.equal(failing.status?.containerStatuses?.[0]?.state?.running, undefined);
      await namespace.update('var-expansion', (pod) => {
        pod.metadata = { ...pod.metadata, annotations: { mysubpath: 'mypath' } };
      });
      await namespace.untilRunning('var-expansion');
      await namespace.remove('var-expansion');
    },
  );

  conformance('[sig-node] Variable Expansion should succeed in writing subpaths in container', async () => {
    const namespace = await testNamespace(suite, 'expansion');
    await namespace.createReady(annotated({ mysubpath: 'mypath' }));
    const shell = (script: string) => namespace.exec('var-expansion', 'dapi-container', '/bin/sh', '-c', script);
    await shell('touch /volume_mount/mypath/foo/test.log');
    await shell('test -f /subpath_mount/test.log');
    await namespace.update('var-expansion', (pod) => {
      pod.metadata = { ...pod.metadata, annotations: { mysubpath: 'mynewpath' } };
    });
    await namespace.untilRunning('var-expansion');
    await namespace.remove('var-expansion');
  });
});
