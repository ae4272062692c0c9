import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { V1EnvVar } from '@kubernetes/client-node';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { busybox, podOf, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();
const ipv4 = String.raw`(?:\d{1,3}\.){3}\d{1,3}`;

const field = (name: string, fieldPath: string): V1EnvVar => ({
  name,
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
});
const resource = (name: string, of: string): V1EnvVar => ({ name, valueFrom: { resourceFieldRef: { resource: of } } });

const resources = { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '1250m', memory: '64Mi' } };

/** What `env` prints in a container with these variables. */
async function environment(env: V1EnvVar[], limits: typeof resources | null = resources) {
  const namespace = await testNamespace(suite);
  const container = busybox(['env'], { name: 'dapi-container', env, resources: limits ?? undefined });
  const output = await namespace.output(podOf('downward-api', container));
  return { output, namespace, pod: await namespace.get('downward-api') };
}

describe('Downward API', { concurrency: 4 }, () => {
  conformance(
    '[sig-node] Downward API should provide pod name, namespace and IP address as env vars [NodeConformance]',
    async () => {
      const { output, namespace, pod } = await environment([
        field('POD_NAME', 'metadata.name'),
        field('POD_NAMESPACE', 'metadata.namespace'),
        field('POD_IP', 'status.podIP'),
      ]);
      assert.match(output, /^POD_NAME=downward-api$/m);
      assert.match(output, new RegExp(`^POD_NAMESPACE=${namespace.name}$`, 'm'));
      assert.match(output, new RegExp(`^POD_IP=${ipv4}$`, 'm'));
      assert.ok(output.includes(`POD_IP=${pod.status?.podIP}\n`));
    },
  );

  conformance('[sig-node] Downward API should provide host IP as an env var [NodeConformance]', async () => {
    const { output, pod } = await environment([field('HOST_IP', 'status.hostIP')]);
    assert.match(output, new RegExp(`^HOST_IP=${ipv4}$`, 'm'));
    assert.ok(output.includes(`HOST_IP=${pod.status?.hostIP}\n`));
  });

  conformance('[sig-node] Downward API should provide hostIPs as an env var [NodeConformance]', async () => {
    const { output, pod } = await environment([field('HOST_IPS', 'status.hostIPs')]);
    assert.match(output, new RegExp(`^HOST_IPS=${ipv4}`, 'm'));
    assert.ok(output.includes(`HOST_IPS=${pod.status?.hostIPs?.map(({ ip }) => ip).join(',')}\n`));
  });

  conformance('[sig-node] Downward API should provide pod UID as env vars [NodeConformance]', async () => {
    const { output, pod } = await environment([field('POD_UID', 'metadata.uid')]);
    assert.match(output, /^POD_UID=[a-z0-9]{8}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{12}$/m);
    assert.ok(output.includes(`POD_UID=${pod.metadata?.uid}\n`));
  });

  const limitVariables = [resource('CPU_LIMIT', 'limits.cpu'), resource('MEMORY_LIMIT', 'limits.memory')];

  conformance(
    "[sig-node] Downward API should provide container's limits.cpu/memory and requests.cpu/memory as env vars [NodeConformance]",
    async () => {
      const requestVariables = [resource('CPU_REQUEST', 'requests.cpu'), resource('MEMORY_REQUEST', 'requests.memory')];
      const { output } = await environment([...limitVariables, ...requestVariables]);
      for (const line of ['CPU_LIMIT=2', 'MEMORY_LIMIT=67108864', 'CPU_REQUEST=1', 'MEMORY_REQUEST=33554432'])
        assert.ok(output.split('\n').includes(line), output);
    },
  );

  conformance(
    '[sig-node] Downward API should provide default limits.cpu/memory from node allocatable [NodeConformance]',
    async () => {
      const { output } = await environment(limitVariables, null);
      assert.match(output, /^CPU_LIMIT=[1-9]/m);
      assert.match(output, /^MEMORY_LIMIT=[1-9]/m);
    },
  );
});
