/**
 * What a Pod costs: one from its creation until it is Running, 100 and 500 light ones at once, and the memory of each, as
 * ratios to `crun run` (the floor) and containerd's `ctr run -d` in the same run.
 *
 * Usage: node bench/pods.ts [--single N] [--many N] [--most N]
 */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { clusterClient } from '../cli/access.ts';
import type { Pod } from '../src/api/generated/core-v1.ts';
import { pods } from '../src/api/resource.ts';
import type { Client } from '../src/client/client.ts';
import { clusterState } from '../src/launch.ts';
import { openCgroupReader } from '../src/linux/cgroup-reader.ts';
import { memoryPss } from '../src/linux/memory.ts';
import { ensureTestImage, testImage } from '../test/cluster/fixture/image.ts';
import { aBundle, containersDir, measurePeers } from './peers.ts';
import { processCpuMs } from './process-cpu.ts';
import { quantile } from './quantile.ts';

const { values } = parseArgs({
  options: {
    single: { type: 'string', default: '100' },
    many: { type: 'string', default: '100' },
    memory: { type: 'string', default: '250' },
    most: { type: 'string', default: '500' },
  },
});
const [singles, many, memoryPods, most] = [values.single, values.many, values.memory, values.most].map(Number) as [
  number,
  number,
  number,
  number,
];
const name = `bench-${process.pid}`;
const vitrine = path.join(import.meta.dirname, '../vitrine');
const run = promisify(execFile);
const command = ['sleep', '100000'];

await ensureTestImage();
await run(vitrine, ['up', '--no-kubeconfig', '--max-pods', String(most + 10), '--name', name]);
const client = clusterClient(name);
try {
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const ratio = (own: number, peer: number | undefined) => (peer ? (own / peer).toFixed(2) : 'not installed');
  const one = await singly();
  const bundle = aBundle(name);
  const peersOf = async (count: number, atOnceCount: number) => {
    await removeAll();
    return measurePeers(name, bundle, { count, atOnce: atOnceCount, image: testImage, command });
  };
  const [p50, p99] = [quantile(one, 0.5), quantile(one, 0.99)];
  const single = await peersOf(singles, 1);
  console.log(
    `one Pod, created until Running, ${singles} times: p50 ${ms(p50)} (goal: 100), p99 ${ms(p99)} (goal: 250); crun alone ${ms(single.floor / singles)}: ratio ${ratio(p50 * singles, single.floor)}; containerd: ratio ${ratio(p50 * singles, single.containerd)}`,
  );
  const hundred = await atOnce(many);
  const crowd = await peersOf(many, 8);
  console.log(
    `${many} Pods: ${ms(hundred.took)} (goal: 2000), ${ms(hundred.cpuEach)} of CPU each; crun alone, 8 at once: ratio ${ratio(hundred.took, crowd.floor)}; containerd: ratio ${ratio(hundred.took, crowd.containerd)}`,
  );
  await memory();
  const fiveHundred = await atOnce(most);
  console.log(
    `${most} Pods: ${ms(fiveHundred.took)} (goal: 10000), ${ms(fiveHundred.cpuEach)} of CPU each: ${(fiveHundred.cpuEach / hundred.cpuEach).toFixed(2)} times what one costs among ${many}`,
  );
} finally {
  client.close();
  await run(vitrine, ['delete', '--name', name]);
}

/** One after the other: what somebody waits for who runs a Pod. */
async function singly(): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < singles; n++) {
    const watching = untilRunning(client, 1);
    await watching.started;
    const began = performance.now();
    await client.create(pods, light(`one-${n}`));
    await watching.done;
    times.push(performance.now() - began);
    if (n < singles - 1) await client.delete(pods, `one-${n}`, 'default');
  }
  return times;
}

/** Milliseconds until all are Running, and of CPU that each has cost both processes, crun and the containers themselves. */
async function atOnce(count: number): Promise<{ took: number; cpuEach: number }> {
  await removeAll();
  const watching = untilRunning(client, count);
  await watching.started;
  const began = performance.now();
  const cpu = cpuMs();
  await Promise.all(Array.from({ length: count }, (_, n) => client.create(pods, light(`many-${n}`))));
  await watching.done;
  return { took: performance.now() - began, cpuEach: (cpuMs() - cpu) / count };
}

/** CPU of the node's cgroup, Pods and all, and of the control plane: what a busy machine does not make longer. */
function cpuMs(): number {
  const { server } = clusterState(name);
  const ofNode = openCgroupReader().read(`/vitrine-${name}`)?.cpuNanoseconds ?? 0;
  return ofNode / 1e6 + processCpuMs(server?.pid ?? 0);
}

/** The monitors, and what both processes have grown by. */
async function memory(): Promise<void> {
  await removeAll();
  const before = await quiet();
  await atOnce(memoryPods);
  const after = await quiet();
  const monitors = monitorPids();
  const monitor = monitors.reduce((sum, pid) => sum + (memoryPss(pid) ?? 0), 0) / monitors.length / 2 ** 20;
  const each = monitor + (after.agent - before.agent) / memoryPods;
  console.log(
    `memory with ${memoryPods} Pods: ${each.toFixed(2)} MiB PSS a container besides its own processes (goal: 1.5), ${monitor.toFixed(2)} of it its monitor; node process ${after.agent.toFixed(0)} MiB (goal: 120), control plane ${after.server.toFixed(0)} MiB`,
  );
}

/** What both processes have, in MiB, once they have given back what a burst left (src/main.ts). */
async function quiet(): Promise<{ server: number; agent: number }> {
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const { server, agent } = clusterState(name);
  const of = (pid = 0) => (memoryPss(pid) ?? 0) / 2 ** 20;
  return { server: of(server?.pid), agent: of(agent?.pid) };
}

function monitorPids(): number[] {
  return fs.readdirSync(containersDir(name)).map((id) => {
    const file = path.join(containersDir(name), id, 'conmon.pid');
    return Number(fs.readFileSync(file, 'utf8'));
  });
}

function light(podName: string) {
  return {
    metadata: { name: podName, namespace: 'default' },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: testImage, command }],
    },
  } as never;
}

/** Resolves `done` when so many Pods that were not there before are Running. */
function untilRunning(api: Client, count: number): { started: Promise<void>; done: Promise<void> } {
  const started = Promise.withResolvers<void>();
  const done = (async () => {
    const { metadata, items } = await api.list(pods, { namespace: 'default' });
    const old = new Set(items.map((pod) => pod.metadata.uid));
    const running = new Set<string>();
    const watch = api.watch(pods, { namespace: 'default', resourceVersion: metadata.resourceVersion });
    started.resolve();
    for await (const { type, object } of watch) {
      const pod = object as Pod;
      if (type !== 'MODIFIED' || old.has(pod.metadata.uid) || pod.status?.phase !== 'Running') continue;
      if (running.add(pod.metadata.uid).size === count) return;
    }
    throw new Error('the watch ended');
  })();
  return { started: started.promise, done };
}

async function removeAll(): Promise<void> {
  await client.deleteCollection(pods, { namespace: 'default' });
  const left = async () => (await client.list(pods, { namespace: 'default' })).items.length;
  while ((await left()) > 0 || fs.readdirSync(containersDir(name)).length > 0)
    await new Promise((resolve) => setTimeout(resolve, 50));
}
