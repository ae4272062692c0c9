import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { until } from '../../../test/cluster/fixture/until.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/resource.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { FakeLinux } from '../../linux/fake.ts';
import { clusterPaths } from '../../paths.ts';
import { FakeCluster, FakeEvents, FakeNetwork } from '../fake-node.ts';
import { FakeRuntime } from '../fake-runtime.ts';
import { createKubelet, type Kubelet } from '../kubelet.ts';
import { selfSigned } from '../testing/self-signed.ts';

const port = 39_000 + (process.pid % 1000);
const tls = { ...selfSigned, clientCa: selfSigned.cert };
const client = { key: selfSigned.key, cert: selfSigned.cert, ca: selfSigned.cert };
let root: string;
let kubelet: Kubelet;
let cluster: FakeCluster;
let runtime: FakeRuntime;
let log: string;

before(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'kubelet-server-'));
  runtime = new FakeRuntime();
  runtime.images.add('httpd');
  cluster = new FakeCluster();
  kubelet = createKubelet({
    ...{
      client: cluster,
      informers: cluster,
      events: new FakeEvents(),
      runtime,
      network: new FakeNetwork(),
      tls,
      port,
    },
    ...{
      linux: new FakeLinux(),
      clock: systemClock,
      log: silentLogger,
      nodeName: 'n',
      version: '1.2.3',
      nodeAddress: '127.0.0.1',
    },
    plan: { dnsServiceIp: '10.96.0.10' },
    paths: clusterPaths('test', root),
  });
  await kubelet.start();
  await kubelet.whenReady();
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '', creationTimestamp: '' },
    spec: {
      nodeName: 'n',
      containers: [
        { name: 'main', image: 'httpd' },
        { name: 'none', image: 'nowhere' },
      ],
    },
  };
  cluster.put(pods, pod);
  while (runtime.started.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  log = runtime.started[0]!.logPath;
  await mkdir(path.dirname(log), { recursive: true });
  const line = (n: number, tag = 'F') => `2026-01-01T00:00:0${n}.000000000Z stdout ${tag} line ${n}\n`;
  await writeFile(log, line(1) + line(2) + line(3, 'P') + line(4));
});
after(async () => {
  await kubelet.stop();
  await rm(root, { recursive: true, force: true });
});

function get(
  url: string,
  options: https.RequestOptions = client,
  told = (_chunk: string) => {},
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    https
      .get(`https://127.0.0.1:${port}${url}`, { ...options, agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
          told(chunk);
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      })
      .on('error', reject);
  });
}

const rows: [string, string, number, string | RegExp][] = [
  ['all of a log', '/containerLogs/default/web/main', 200, 'line 1\nline 2\nline 3line 4\n'],
  ['its last line', '/containerLogs/default/web/main?tailLines=1', 200, 'line 4\n'],
  [
    'with times',
    '/containerLogs/default/web/main?tailLines=1&timestamps=true',
    200,
    '2026-01-01T00:00:04.000000000Z line 4\n',
  ],
  ['since a time', '/containerLogs/default/web/main?sinceTime=2026-01-01T00:00:03Z', 200, 'line 3line 4\n'],
  ['a few bytes', '/containerLogs/default/web/main?limitBytes=4', 200, 'line'],
  [
    'no previous log',
    '/containerLogs/default/web/main?previous=true',
    400,
    'previous terminated container "main" in pod "web" not found',
  ],
  [
    'no log of a container without an image',
    '/containerLogs/default/web/none',
    400,
    `container "none" in pod "web" is waiting to start: image can't be pulled`,
  ],
  [
    'no log of an unknown container',
    '/containerLogs/default/web/other',
    400,
    'container other is not valid for pod web',
  ],
  ['no log of an unknown pod', '/containerLogs/default/x/main', 404, 'pods "x" not found'],
  ['health', '/healthz', 200, 'ok'],
  ['pods', '/pods', 200, /"kind":"PodList"/],
  ['what runs', '/runningpods/', 200, /"spec":\{"containers":\[\{"name":"main"/],
  ['stats', '/stats/summary', 200, /"imageFs":.*"podRef":\{"name":"web".*"rootfs":/],
  [
    'stats of processor and memory',
    '/stats/summary?only_cpu_and_memory=true',
    200,
    /^(?!.*rootfs).*"podRef":\{"name":"web"/,
  ],
  ['metrics', '/metrics', 200, /kubelet_running_pods 1\n/],
  [
    'resource metrics',
    '/metrics/resource',
    200,
    /container_memory_working_set_bytes\{container="main",namespace="default",pod="web"\} \d+ \d{13}\n/,
  ],
  ['cAdvisor metrics', '/metrics/cadvisor', 200, /container_memory_rss\{container="main",id="[^"]*",image="[^"]*httpd/],
  ['probe metrics', '/metrics/probes', 200, /# TYPE prober_probe_total counter\n/],
  ['no other metrics', '/metrics/x', 404, '404 page not found\n'],
  ['its settings', '/configz', 200, /"kubeletconfig":\{"kind":"KubeletConfiguration"/],
  ['no path out of the logs', '/logs/..%2f..%2fetc%2fpasswd', 404, '404 page not found\n'],
  ['no broken escape', '/pods%zz', 400, 'invalid URL escape in "pods%zz"'],
  ['nothing that an object has by itself', '/constructor', 404, '404 page not found\n'],
];

describe("the kubelet's API", () => {
  for (const [what, url, status, body] of rows)
    it(`answers ${what}`, async () => {
      const answer = await get(url);
      assert.equal(answer.status, status, answer.body);
      if (typeof body === 'string') assert.equal(answer.body, body);
      else assert.match(answer.body, body);
    });

  it('tells nothing to those without a certificate', async () => {
    for (const url of ['/pods', '/healthz', '/metrics']) {
      const answer = await get(url, { ca: client.ca });
      assert.equal(answer.status, 401);
    }
    const answer = await get('/pods', { ca: client.ca, headers: { authorization: 'Bearer wrong' } });
    assert.equal(answer.status, 401);
  });

  it('knows who has a token, and asks the API server what they may', async () => {
    cluster.tokens.set('right', 'somebody');
    const asked: (string | undefined)[] = [];
    cluster.allows = ({ user, resourceAttributes: { verb, resource, subresource, name } = {} }) => {
      asked.push(`${user} ${verb} ${resource}/${subresource} ${name}`);
      return user === 'test' || subresource === 'metrics';
    };
    const headers = { authorization: 'Bearer right' };
    assert.equal((await get('/metrics', { ca: client.ca, headers })).status, 200);
    assert.equal((await get('/metrics/resource', { ca: client.ca, headers })).status, 200);
    const refused = await get('/configz', { ca: client.ca, headers });
    assert.deepEqual(refused, {
      status: 403,
      body: 'Forbidden (user=somebody, verb=get, resource=nodes, subresource(s)=[configz proxy])\n',
    });
    // What is known is not asked again.
    assert.deepEqual(asked, [
      'somebody get nodes/metrics n',
      'somebody get nodes/configz n',
      'somebody get nodes/proxy n',
    ]);
    cluster.allows = () => true;
  });

  it('runs a command and answers with what it printed', async () => {
    runtime.execResult = { exitCode: 0, stdout: 'out', stderr: 'err', timedOut: false };
    const answer = await get('/run/default/web/main?cmd=echo+x', { ...client, method: 'POST' });
    assert.deepEqual(answer, { status: 200, body: 'outerr' });
    assert.equal((await get('/run/default/web/main?cmd=echo')).status, 405);
  });

  it('follows a log across rotation until the container ends', async () => {
    let body = '';
    const answer = get('/containerLogs/default/web/main?follow=true&tailLines=1', client, (chunk) => (body += chunk));
    await until('the last line', () => body.includes('line 4'));
    await appendFile(log, '2026-01-01T00:00:05.0Z stdout F more\n');
    await until('one more', () => body.includes('more'));
    await rename(log, `${log}.old`);
    await writeFile(log, '2026-01-01T00:00:06.0Z stdout F rotated\n');
    await until('the new file', () => body.includes('rotated'));
    runtime.startErrors.clear();
    const { id } = runtime.running('main')[0]!;
    runtime.exit(id, 0);
    assert.equal((await answer).body, 'line 4\nmore\nrotated\n');
  });

  it('runs a command over a WebSocket, with its input, output and exit code', async () => {
    while (runtime.running('main').length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    runtime.execResult = { exitCode: 3, stdout: 'bye', stderr: 'oops', timedOut: false };
    const url = `wss://127.0.0.1:${port}/exec/default/web/main?command=cat&input=1&output=1&error=1`;
    const socket = new WebSocket(url, ['v5.channel.k8s.io'], { ...client });
    const seen: Record<number, string> = {};
    socket.on('message', (data: Buffer) => {
      seen[data[0]!] = (seen[data[0]!] ?? '') + data.toString('utf8', 1);
    });
    await new Promise((resolve) => socket.on('open', resolve));
    socket.send(Buffer.from('\x00hello '));
    socket.send(Buffer.from([255, 0]));
    await new Promise((resolve) => socket.on('close', resolve));
    assert.equal(seen[1], 'hello bye');
    assert.equal(seen[2], 'oops');
    const status = JSON.parse(seen[3] ?? '{}');
    assert.equal(status.reason, 'NonZeroExitCode');
    assert.deepEqual(status.details.causes, [{ reason: 'ExitCode', message: '3' }]);
  });
});
