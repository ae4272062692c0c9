import assert from 'node:assert/strict';
import { after } from 'node:test';
import { endpoints, pods, services } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { template } from '../fixture/workloads.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

/** How many Services are made, how many of them at once, and how long their endpoints may take at the most. */
const total = 200;
const parallel = 15;
const limitsMs = { median: 20_000, p99: 50_000 };

conformance('[sig-network] Service endpoints latency should not be very high', async () => {
  const namespace = await kube.namespace('svc-latency');
  const labels = { name: 'svc-latency-rc' };
  const inside = kube.of(pods, namespace);
  await inside.create({ metadata: { name: 'svc-latency-rc', labels }, spec: template({}).spec });
  await inside.until('svc-latency-rc', (pod) =>
    pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
  );

  const began = new Map<string, number>();
  const latencies: number[] = [];
  const watching = await kube.of(endpoints, namespace).watch();
  const own = kube.of(services, namespace);
  let left = total;
  const worker = async () => {
    while (left-- > 0) {
      const startedAt = performance.now();
      const { metadata } = await own.create({
        metadata: { generateName: 'latency-svc-' },
        spec: { selector: labels, type: 'ClusterIP', sessionAffinity: 'None', ports: [{ port: 80, protocol: 'TCP' }] },
      });
      began.set(metadata.name, startedAt);
    }
  };
  const done = Promise.all(Array.from({ length: parallel }, worker));
  const ready = new Map<string, number>();
  while (ready.size < total) {
    const { object } = await watching.next(60_000);
    const { metadata, subsets } = object as { metadata: { name: string }; subsets?: { addresses?: unknown[] }[] };
    if (subsets?.[0]?.addresses?.length && !ready.has(metadata.name)) ready.set(metadata.name, performance.now());
  }
  await done;
  watching.stop();
  for (const [name, at] of ready) latencies.push(at - began.get(name)!);
  latencies.sort((a, b) => a - b);
  const percentile = (part: number) => latencies[Math.min(total - 1, Math.floor(total * part))]!;
  assert.ok(percentile(0.5) < limitsMs.median, `the median is ${percentile(0.5)} ms`);
  assert.ok(percentile(0.99) < limitsMs.p99, `the 99th percentile is ${percentile(0.99)} ms`);
});
