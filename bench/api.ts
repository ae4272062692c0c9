/**
 * The API server of a cluster as clients see it, from a process of its own: durable creates, GET, LIST, watches, memory,
 * and what it costs as objects grow. Peers in the same run: etcd's own put of the same bytes on the same disk, and the
 * same bytes written to a bare TLS socket.
 *
 * Usage: node bench/api.ts [--seconds N] [--realtime] [--only pods,creates,gets,watches,idle,growth]
 */
import { execFile, execFileSync } from 'node:child_process';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { adminKubeconfig } from '../cli/access.ts';
import { clusterState } from '../src/launch.ts';
import { memoryPss } from '../src/linux/memory.ts';
import { bareTls } from './bare-tls.ts';
import { EtcdPuts } from './etcd-puts.ts';
import { type Job, namePlaceholder, type Rate, tenthPlaceholder, timePlaceholder } from './load/generator.ts';
import type { Credentials } from './load/http2-connection.ts';
import { runLoad, startLoad } from './load/run-load.ts';
import { processCpuMs } from './process-cpu.ts';
import { median } from './quantile.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    // Before everything else on the machine: for figures on one that is busy with other things.
    realtime: { type: 'boolean', default: false },
    only: { type: 'string', default: 'pods,creates,gets,watches,idle,growth' },
  },
});
const seconds = Number(values.seconds);
const only = values.only.split(',');
const name = `bench-${process.pid}`;
const vitrine = path.join(import.meta.dirname, '../vitrine');
const run = promisify(execFile);
/** In which creates and etcd's puts are measured. */
const turns = 7;
const configMaps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';

/** About 400 bytes, as the ConfigMaps of kube-apiserver's figures. */
const configMap = JSON.stringify({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: namePlaceholder, labels: { app: 'bench' } },
  data: { sent: timePlaceholder, text: 'x'.repeat(256) },
});

await run(vitrine, ['up', '--no-kubeconfig', '--name', name]);
try {
  const { config, paths, server } = clusterState(name);
  const { ca, cert, key } = adminKubeconfig(paths, config!);
  const credentials: Credentials = { host: '127.0.0.1', port: config!.apiPort, ca, cert, key };
  if (values.realtime) for (const pid of [server!.pid, process.pid]) setPolicy(pid, 'rr', 1);
  const parts: Record<string, () => Promise<void>> = { creates, gets, pods: manyPods, watches, idle, growth };
  for (const part of only) await parts[part]!();

  /** A load of single requests, with what each costs the API process: that depends less on what else the machine does. */
  async function measured(job: Job): Promise<Rate & { cpuMicros: number }> {
    const before = cpuMicros();
    const rate = await runLoad<Rate>(job);
    return { ...rate, cpuMicros: (cpuMicros() - before) / rate.requests };
  }

  /** In turns with etcd, as what the machine does besides changes within seconds. */
  async function creates(): Promise<void> {
    const etcd = await EtcdPuts.start(path.dirname(paths.state));
    for (const [connections, goal] of [
      [1, 3000],
      [16, 8000],
    ] as const) {
      const rates: (Rate & { cpuMicros: number })[] = [];
      const peers: number[] = [];
      for (let turn = 0; turn < turns; turn++) {
        const label = `c${connections}-${turn}`;
        const job = { kind: 'create', connections, seconds: seconds / 2, path: configMaps, body: configMap } as const;
        rates.push(await measured({ credentials, ...job, label }));
        if (etcd) peers.push(await etcd.perSecond({ writers: connections, seconds: seconds / 2, bytes: 600 }));
      }
      const ratios = peers.map((peer, turn) => rates[turn]!.perSecond / peer);
      const ratio = etcd
        ? `; etcd's put ${perSecond(median(peers))}: ratio ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} in ${turns} turns)`
        : '; etcd is not installed';
      const middle = rates.toSorted((a, b) => a.perSecond - b.perSecond)[Math.floor(turns / 2)]!;
      say(`creates, ${connections} clients`, `${describe(middle)} (goal: ${goal})${ratio}`);
    }
    await etcd?.stop();
  }

  async function gets(): Promise<void> {
    await runLoad({ credentials, kind: 'fill', count: 1000, path: configMaps, body: configMap, label: 'g' });
    const paths = Array.from({ length: 1000 }, (_, n) => `${configMaps}/g-${n}`);
    const rate = await measured({ credentials, kind: 'get', connections: 16, seconds, paths });
    say('GET, 16 clients', `${describe(rate)} (goal: 20000)`);
  }

  async function manyPods(): Promise<void> {
    await runLoad({ credentials, kind: 'fill', count: 10_000, path: pods, body: podOfFourKilobytes(), label: 'pod' });
    const [all, label, pages] = [
      await runLoad<Listed>({ credentials, kind: 'list', path: pods, times: 9 }),
      await runLoad<Listed>({ credentials, kind: 'list', path: `${pods}?labelSelector=tenth%3D0`, times: 9 }),
      await runLoad<Listed>({ credentials, kind: 'list', path: pods, times: 5, pages: 500 }),
    ];
    const bare = await bareTls(all.bytes);
    const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
    say(
      'LIST of 10,000 Pods',
      `${all.ms.toFixed(0)} ms for ${megabytes(all.bytes)} (goal: 80); the same bytes to a bare TLS socket ${bare.toFixed(0)} ms: ratio ${(all.ms / bare).toFixed(2)} (goal: 3)`,
    );
    say('  by label, a tenth of them', `${label.ms.toFixed(0)} ms for ${megabytes(label.bytes)}`);
    say('  in pages of 500', `${pages.ms.toFixed(0)} ms for ${megabytes(pages.bytes)}`);
    await settle();
    say('API process with them, when it has been quiet', `${mebibytes(memory())} MiB PSS (goal: 250)`);
  }

  async function watches(): Promise<void> {
    const job = {
      credentials,
      kind: 'watch',
      watchers: 100,
      writers: 16,
      writes: 1000,
      path: configMaps,
      body: configMap,
    } as const;
    const result = await runLoad<WatchResult>(job);
    say(
      '100 watchers x 1,000 writes',
      `${Math.round(result.eventsPerSecond)} events/s, delay p99 ${result.p99Ms.toFixed(1)} ms (goal: 300000); written in ${result.writtenMs.toFixed(0)} ms, delivered after ${result.tookMs.toFixed(0)}, in which the load used ${result.cpuMs.toFixed(0)} ms of CPU`,
    );
  }

  async function idle(): Promise<void> {
    await settle();
    const before = memory();
    const { child, result } = startLoad<{ open: number }>({
      credentials,
      kind: 'idle',
      connections: 100,
      streams: 100,
      path: configMaps,
    });
    const { open } = await result;
    await settle();
    say(`${open} idle watches`, `${((memory() - before) / open / 1024).toFixed(1)} KiB each`);
    child.removeAllListeners('exit');
    child.kill();
  }

  async function growth(): Promise<void> {
    const space = '/api/v1/namespaces/kube-public/configmaps';
    let [there, before] = [0, 0];
    for (const count of [1000, 10_000, 100_000]) {
      const added = count - there;
      await runLoad({
        credentials,
        kind: 'fill',
        count: added,
        path: space,
        body: configMap,
        label: `s${count}`,
      });
      there = count;
      const paths = Array.from({ length: 1000 }, (_, n) => `${space}/s${count}-${n}`);
      const get = await measured({ credentials, kind: 'get', connections: 1, seconds: 2, paths });
      const create = await measured({
        credentials,
        kind: 'create',
        connections: 1,
        seconds: 2,
        path: configMaps,
        body: configMap,
        label: `t${count}`,
      });
      const job = {
        credentials,
        kind: 'watch',
        watchers: 10,
        writers: 1,
        writes: 1000,
        path: configMaps,
        body: configMap.replace(namePlaceholder, `x${count}-${namePlaceholder}`),
      } as const;
      const watch = await runLoad<{ p99Ms: number }>(job);
      await settle();
      const bytes = memory();
      const each = before ? `, ${((bytes - before) / added / 1024).toFixed(1)} KiB for each more` : '';
      before = bytes;
      say(
        `with ${count} ConfigMaps`,
        `GET ${cost(get)}, create ${cost(create)}, watch p99 ${watch.p99Ms.toFixed(1)} ms, ${mebibytes(bytes)} MiB PSS${each}`,
      );
    }
  }

  /** Microseconds of CPU that the API process has used, all threads together. */
  function cpuMicros(): number {
    return processCpuMs(serverPid()) * 1000;
  }

  function serverPid(): number {
    return server?.pid ?? clusterState(name).server!.pid;
  }

  function memory(): number {
    return memoryPss(serverPid()) ?? 0;
  }
} finally {
  if (values.realtime) setPolicy(process.pid, 'other', 0);
  await run(vitrine, ['delete', '--name', name]).catch(() => {});
}

/** Of all threads, and of what they start (sched(7)). */
function setPolicy(pid: number, policy: string, priority: number): void {
  execFileSync('chrt', [`--${policy}`, '--all-tasks', '--pid', String(priority), String(pid)]);
}

interface WatchResult {
  eventsPerSecond: number;
  p99Ms: number;
  writtenMs: number;
  tookMs: number;
  /** Of the load itself. */
  cpuMs: number;
}

interface Listed {
  ms: number;
  bytes: number;
}

/** A Pod that nobody schedules, as long as a real one with its status and managed fields. */
function podOfFourKilobytes(): string {
  const container = (n: number) => ({
    name: `container-${n}`,
    image: 'registry.k8s.io/pause:3.10',
    env: Array.from({ length: 8 }, (_, i) => ({ name: `VARIABLE_${i}`, value: `value ${i} of container ${n}` })),
    resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
  });
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: namePlaceholder, labels: { app: 'bench', tenth: tenthPlaceholder } },
    spec: { schedulerName: 'nobody', containers: [container(0), container(1)] },
  };
  return JSON.stringify(pod);
}

/** The process gives memory back after a few quiet seconds. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 8000));
}

function describe(rate: Rate & { cpuMicros: number }): string {
  return `${cost(rate)}, p99 ${rate.p99Ms.toFixed(1)} ms`;
}

function cost({ perSecond: rate, cpuMicros }: Rate & { cpuMicros: number }): string {
  return `${perSecond(rate)} of ${Math.round(cpuMicros)} µs of CPU`;
}

function perSecond(rate: number): string {
  return `${Math.round(rate)}/s`;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

function say(what: string, result: string): void {
  console.log(`${what}: ${result}`);
}
