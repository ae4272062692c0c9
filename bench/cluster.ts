/**
 * What a user waits for: a cluster from nothing and again, 100 httpd Pods from apply to Ready and until they are gone,
 * memory and idle CPU of both processes. The floor of the Pods is measured in the same run: the same container started
 * 100 times by `crun run` alone, 8 at a time.
 *
 * Usage: node bench/cluster.ts [--pods N] [--rounds N]
 */
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { clusterClient } from '../cli/access.ts';
import { applyManifest, type Manifest, readManifests } from '../cli/apply.ts';
import { deployments, pods } from '../src/api/resource.ts';
import { clusterState } from '../src/launch.ts';
import { memoryPss } from '../src/linux/memory.ts';
import { crunFloor } from './crun-floor.ts';

const { values } = parseArgs({ options: { pods: { type: 'string', default: '100' }, rounds: { type: 'string', default: '3' } } });
const podCount = Number(values.pods);
const rounds = Number(values.rounds);
const name = `bench-${process.pid}`;
const root = path.join(import.meta.dirname, '..');
const vitrine = path.join(root, 'vitrine');
const run = promisify(execFile);

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

  const floorMs = await crunFloor({ image: 'httpd:latest', count: podCount, atOnce: 8 });
  const ready: number[] = [];
  const gone: number[] = [];
  for (let i = 0; i < rounds; i++) {
    ready.push(await untilReady());
    if (i === rounds - 1) {
      const withPods = await idleCpu(5000);
      console.log(`both processes, ${podCount} Pods: ${mebibytes()} MiB PSS (goal: 250), ${withPods.toFixed(2)} % of a core`);
    }
    gone.push(await untilGone());
  }
  print(`${podCount} httpd Pods from apply to Ready`, ready, 2500);
  print(`${podCount} httpd Pods deleted and gone`, gone, 2000);
  console.log(`floor: ${podCount} x crun run, 8 at a time: ${Math.round(floorMs)} ms; ratio ${(median(ready) / floorMs).toFixed(2)}`);
} finally {
  await command('delete').catch(() => {});
}

async function ensureImage(): Promise<void> {
  const { stdout } = await run(vitrine, ['image', 'ls', '-o', 'json']);
  const names = (JSON.parse(stdout) as { names: string[] }[]).flatMap((image) => image.names);
  if (!names.includes('docker.io/library/httpd:latest')) await run(vitrine, ['image', 'build', '--recipe', 'httpd', '-t', 'httpd:latest']);
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
  for await (const event of client.watch(deployments, { namespace: 'default', resourceVersion: first.metadata.resourceVersion, signal }))
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

/** Percent of one core that both processes use over `ms`, from utime and stime. */
async function idleCpu(ms: number): Promise<number> {
  const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const ticks = () =>
    daemons().reduce((sum, pid) => {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return sum + Number(fields[11]) + Number(fields[12]);
    }, 0);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const before = ticks();
  await new Promise((resolve) => setTimeout(resolve, ms));
  return ((ticks() - before) / ticksPerSecond / (ms / 1000)) * 100;
}

function print(what: string, values: number[], goalMs: number): void {
  const sorted = [...values].sort((a, b) => a - b);
  const [min, max] = [sorted[0] as number, sorted.at(-1) as number];
  console.log(`${what}: median ${Math.round(median(values))} ms (min ${Math.round(min)}, max ${Math.round(max)}; goal: ${goalMs})`);
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}
