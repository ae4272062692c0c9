/**
 * exec and logs through the API: how long a command takes that does nothing, against `crun exec` alone; and how fast a
 * container can write its log, and a client read it, against `cat` through a pipe: without losing a line.
 *
 * Usage: node bench/streams.ts [--execs N] [--megabytes N]
 */
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { WebSocket } from 'ws';
import { adminKubeconfig, clusterClient } from '../cli/access.ts';
import { pods } from '../src/api/resource.ts';
import type { ClusterConfig } from '../src/cluster-config.ts';
import { clusterState } from '../src/launch.ts';
import { ensureTestImage, testImage } from '../test/cluster/fixture/image.ts';
import { median } from './quantile.ts';

const { values } = parseArgs({
  options: { execs: { type: 'string', default: '60' }, megabytes: { type: 'string', default: '300' } },
});
const [execs, megabytes] = [Number(values.execs), Number(values.megabytes)];
const name = `bench-${process.pid}`;
const vitrine = path.join(import.meta.dirname, '../vitrine');
const run = promisify(execFile);
/** One line of the log that is measured: 100 bytes. */
const line = 'x'.repeat(99);

await ensureTestImage();
await run(vitrine, ['up', '--no-kubeconfig', '--name', name, '--container-log-max-size', '4Gi']);
const client = clusterClient(name);
try {
  await measureExec();
  await measureLogs();
} finally {
  client.close();
  await run(vitrine, ['delete', '--name', name]);
}

async function measureExec(): Promise<void> {
  await start('exec', ['sleep', '100000']);
  const ours: number[] = [];
  const alone: number[] = [];
  for (let n = 0; n < execs; n++) {
    ours.push(await timed(() => execTrue('exec')));
    alone.push(await timed(() => crunExecTrue('exec')));
  }
  console.log(
    `exec of a command that does nothing: p50 ${median(ours).toFixed(1)} ms (goal: 25); crun exec alone ${median(alone).toFixed(1)} ms, ratio ${(median(ours) / median(alone)).toFixed(2)}`,
  );
}

/** The API's exec over a WebSocket (v5.channel.k8s.io): until the status of the command is there. */
async function execTrue(pod: string): Promise<void> {
  const { paths, config } = clusterState(name);
  const { server, ca, cert, key } = adminKubeconfig(paths, config as ClusterConfig);
  const url = `${server.replace('https', 'wss')}/api/v1/namespaces/default/pods/${pod}/exec?command=true&stdout=true`;
  const socket = new WebSocket(url, 'v5.channel.k8s.io', { ca, cert, key });
  await new Promise<void>((resolve, reject) => {
    socket.on('message', (data: Buffer) => {
      if (data[0] === 3) resolve();
    });
    socket.on('error', reject);
  });
  socket.terminate();
}

async function crunExecTrue(pod: string): Promise<void> {
  const { paths } = clusterState(name);
  const id = await containerId(pod);
  await run('crun', ['--root', path.join(paths.run, 'node/runtime/crun'), 'exec', id, 'true']);
}

async function measureLogs(): Promise<void> {
  const lines = Math.round((megabytes * 1e6) / (line.length + 1));
  const script = `yes ${line} | head -n ${lines}`;
  const pipeMs = await timed(async () => void execFileSync('sh', ['-c', `${script} | cat >/dev/null`]));
  const fileMs = await timed(() => untilEnded('logs', ['sh', '-c', script]));
  const began = performance.now();
  const file = await logFile('logs');
  let read = 0;
  let whole = 0;
  const response = await client.request({
    method: 'GET',
    path: '/api/v1/namespaces/default/pods/logs/log',
  });
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) read++;
    whole += chunk.length;
  }
  const readMs = performance.now() - began;
  const rate = (ms: number) => `${(megabytes / (ms / 1000)).toFixed(0)} MB/s`;
  console.log(
    `log of ${megabytes} MB in ${lines} lines: written at ${rate(fileMs)} (goal: 100), ${(fileMs / pipeMs).toFixed(2)} of the time through a pipe (${rate(pipeMs)}); read through the API at ${rate(readMs)}; ${lines - read} lines lost, ${lines * (line.length + 1) - whole} bytes lost; ${(fs.statSync(file).size / 1e6).toFixed(0)} MB on disk`,
  );
  if (read !== lines) process.exitCode = 1;
}

async function start(pod: string, command: string[], done = 'Running'): Promise<void> {
  await client.create(pods, {
    metadata: { name: pod, namespace: 'default' },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: testImage, command }],
    },
  } as never);
  while ((await client.get(pods, pod, 'default')).status?.phase !== done)
    await new Promise((resolve) => setTimeout(resolve, 10));
}

function untilEnded(pod: string, command: string[]): Promise<void> {
  return start(pod, command, 'Succeeded');
}

async function containerId(pod: string): Promise<string> {
  const { status } = await client.get(pods, pod, 'default');
  return (status?.containerStatuses?.[0]?.containerID ?? '').replace(/^.*:\/\//, '');
}

async function logFile(pod: string): Promise<string> {
  const { metadata } = await client.get(pods, pod, 'default');
  return path.join(clusterState(name).paths.podLogs, `default_${pod}_${metadata.uid}`, 'main/0.log');
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
