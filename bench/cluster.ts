/**
 * What a user waits for: a cluster from nothing and again, 100 httpd Pods from apply to Ready and until they are gone,
 * memory and idle CPU of both processes. The floor of the Pods is measured in the same run: the same container started
 * 100 times by `crun run` alone, 8 at a time.
 *
 * Usage: node bench/cluster.ts [--pods N] [--rounds N]
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { clusterClient } from '../cli/access.ts';
import { applyManifest, type Manifest, readManifests } from '../cli/apply.ts';
import { deployments, pods } from '../src/api/resource.ts';
import { clusterState } from '../src/launch.ts';
import { memoryPss } from '../src/linux/memory.ts';
import { aBundle, measurePeers, type PeerBundle } from './peers.ts';
import { processCpuMs } from './process-cpu.ts';
import { median } from './quantile.ts';

const { values } = parseArgs({
  options: { pods: { type: 'string', default: '100' }, rounds: { type: 'string', default: '3' } },
});
const podCount = Number(values.pods);
const rounds = Number(values.rounds);
const name = `bench-${process.pid}`;
const root = path.join(import.meta.dirname, '..');
const vitrine = path.join(root, 'vitrine');
const run = promisify(execFile);

/**
 * A burst is over when both processes have given back what it left: 4 s later they collect (src/main.ts), 8 s after that V8
 * collects what it began to. It is done once, and costs 0.3 s of CPU.
 */
const settledMs = 20_000;

const command = async (...args: string[]) => {
  const began = performance.now();
  await run(vitrine, [...args, '--name', name], { maxBuffer: 1 << 24 });
  return performance.now() - began;
};

try {
  await ensureImage();
  const fresh: number[] = [];
  const resumed: number[] = [];
  for (let i = 0; i < rounds; i++) {
    fresh.push(await command('up', '--no-kubeconfig'));
    await command('down');
    resumed.push(await command('up', '--no-kubeconfig'));
    if (i < rounds - 1) await command('delete');
  }
  print('vitrine up, fresh state: the whole command', fresh, 1000);
  print('vitrine up, resumed: the whole command', resumed, 1000);

  const idlePercent = await idleCpu(10_000);
  console.log(`both processes, idle: ${idlePercent.toFixed(2)} % of a core (goal: 2), ${mebibytes()} MiB PSS`);

  const ready: number[] = [];
  let bundle: PeerBundle | undefined;
  const gone: number[] = [];
  for (let i = 0; i < rounds; i++) {
    ready.push(await untilReady());
    bundle ??= aBundle(name);
    if (i === rounds - 1) {
      const withPods = await idleCpu(10_000);
      console.log(
        `both processes, ${podCount} Pods: ${mebibytes()} MiB PSS (goal: 250), ${withPods.toFixed(2)} % of a core`,
      );
    }
    // Until its handlers are in place, Apache ignores the signal that stops it (SIGWINCH), and its grace period passes.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    gone.push(await untilGone());
  }
  print(`${podCount} httpd Pods from apply to Ready`, ready, 2500);
  print(`${podCount} httpd Pods deleted and gone`, gone, 2000);
  const { floor, containerd } = await measurePeers(name, bundle as PeerBundle, { count: podCount, atOnce: 8 });
  const ratio = (ms: number) => `${Math.round(ms)} ms; ratio ${(median(ready) / ms).toFixed(2)}`;
  console.log(`floor: ${podCount} x crun run of the same bundle, 8 at a time: ${ratio(floor)}`);
  console.log(`containerd: ${podCount} x ctr run -d, 8 at a time: ${containerd ? ratio(containerd) : 'not installed'}`);
} finally {
  await command('delete').catch(() => {});
}

async function ensureImage(): Promise<void> {
  const { stdout } = await run(vitrine, ['image', 'ls', '-o', 'json']);
  const names = (JSON.parse(stdout) as { names: string[] }[]).flatMap((image) => image.names);
  if (!names.includes('docker.io/library/httpd:latest'))
    await run(vitrine, ['image', 'build', '--recipe', 'httpd', '-t', 'httpd:latest']);
}

function manifest(): Manifest {
  const [deployment] = readManifests(path.join(root, 'examples/httpd-deployment.yaml')) as [Manifest];
  (deployment.spec as { replicas: number }).replicas = podCount;
  return deployment;
}

/** Milliseconds from the start of the apply until the Deployment tells that all are ready. */
async function untilReady(): Promise<number> {
  const client = clusterClient(name);
  const began = performance.now();
  await applyManifest(client, manifest(), 'default');
  const first = await client.list(deployments, { namespace: 'default' });
  const signal = AbortSignal.timeout(60_000);
  for await (const event of client.watch(deployments, {
    namespace: 'default',
    resourceVersion: first.metadata.resourceVersion,
    signal,
  }))
    if (event.type === 'MODIFIED' && event.object.status?.readyReplicas === podCount) {
      client.close();
      return performance.now() - began;
    }
  throw new Error('the Pods are not ready after 60 s');
}

/** Milliseconds from the deletion of the Deployment until no Pod is left. */
async function untilGone(): Promise<number> {
  const client = clusterClient(name);
  const began = performance.now();
  await client.delete(deployments, manifest().metadata.name, 'default');
  while ((await client.list(pods, { namespace: 'default' })).items.length > 0) {
    if (performance.now() - began > 60_000) throw new Error('there are Pods left after 60 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  client.close();
  return performance.now() - began;
}

function daemons(): number[] {
  const { server, agent } = clusterState(name);
  return [server, agent].flatMap((daemon) => daemon?.pid ?? []);
}

function mebibytes(): number {
  return Math.round(daemons().reduce((sum, pid) => sum + (memoryPss(pid) ?? 0), 0) / 2 ** 20);
}

/** Percent of one core that both processes use over `ms`. */
async function idleCpu(ms: number): Promise<number> {
  const used = () => daemons().reduce((sum, pid) => sum + processCpuMs(pid), 0);
  await new Promise((resolve) => setTimeout(resolve, settledMs));
  const before = used();
  await new Promise((resolve) => setTimeout(resolve, ms));
  return ((used() - before) / ms) * 100;
}

function print(what: string, values: number[], goalMs: number): void {
  const [min, max] = [Math.min(...values), Math.max(...values)];
  console.log(
    `${what}: median ${Math.round(median(values))} ms (min ${Math.round(min)}, max ${Math.round(max)}; goal: ${goalMs})`,
  );
}
