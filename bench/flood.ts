import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { loadKubeconfig } from '../src/client/kubeconfig.ts';
import { quantile } from './quantile.ts';

// How long a system client waits for its answers while another floods the API server: quiet, beside a flood that has to
// take turns, and beside one that need not (an administrator's, which priority and fairness lets pass). The ratio of the
// last two is what fairness is worth.
const { values: options } = parseArgs({
  options: {
    requests: { type: 'string', default: '400' },
    streams: { type: 'string', default: '300' },
    /** Set in the process that floods. */
    flood: { type: 'string' },
  },
});
const name = `bench-flood-${process.pid}`;
const target = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
/** What the flood asks for: cheap to ask, costly to answer, as every object has to be looked at. */
const costly = '/api/v1/namespaces/default/configmaps?labelSelector=is%3Dnone';
const objects = 2000;

interface Access {
  server: string;
  ca: string;
  token?: string;
  cert?: string;
  key?: string;
}

if (options.flood) await flood(JSON.parse(options.flood));
else await measure();

async function measure(): Promise<void> {
  vitrine('up', '--no-kubeconfig');
  try {
    const admin = accessOf(vitrine('kubeconfig'));
    const { server, ca } = admin;
    const client = connect(admin);
    const tokenOf = async (namespace: string) => {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`;
      const { body } = await client.ask(path, 'POST', JSON.stringify({ spec: {} }));
      return (JSON.parse(body) as { status: { token: string } }).status.token;
    };
    for (const namespace of ['kube-system', 'default']) await grantView(client, namespace);
    await Promise.all(Array.from({ length: objects }, (_, i) => makeConfigMap(client, i)));
    const system = connect({ server, ca, token: await tokenOf('kube-system') });
    const ordinary = { server, ca, token: await tokenOf('default') };
    await latencies(system);
    console.log('beside              p50 ms   p99 ms   p99 to quiet   answered to the flood/s');
    const quiet = await latencies(system);
    show('nobody', quiet, quiet, 0);
    for (const [what, access] of [
      ['a flood in turns', ordinary],
      ['a flood that passes', admin],
    ] as const) {
      const flooding = spawn(
        process.execPath,
        [...process.execArgv, import.meta.filename, '--flood', JSON.stringify(access), '--streams', options.streams],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(flooding.stdout!, 'data');
      const found = await latencies(system);
      show(what, found, quiet, await stop(flooding));
    }
    system.close();
    client.close();
  } finally {
    vitrine('delete');
  }
}

function show(what: string, found: number[], quiet: number[], perSecond: number): void {
  const [p50, p99] = [quantile(found, 0.5), quantile(found, 0.99)];
  const ratio = p99 / quantile(quiet, 0.99);
  console.log(
    `${what.padEnd(20)}${p50.toFixed(2).padStart(6)} ${p99.toFixed(2).padStart(8)} ${ratio.toFixed(1).padStart(14)} ${perSecond.toFixed(0).padStart(24)}`,
  );
}

/** Milliseconds of each request, one after the other, with a pause between them. */
async function latencies({ ask }: ReturnType<typeof connect>): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < Number(options.requests); i++) {
    const start = performance.now();
    const { status } = await ask(target);
    if (status !== 200) throw new Error(`GET ${target}: ${status}`);
    found.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return found;
}

/** Asks on so many streams at once until it is told to end; then says how many were served in a second. */
async function flood(access: Access): Promise<void> {
  const { ask } = connect(access);
  let [answered, ended] = [0, false];
  const began = performance.now();
  const one = async () => {
    while (!ended) if ((await ask(costly)).status === 200) answered++;
  };
  for (let i = 0; i < Number(options.streams); i++) void one();
  setTimeout(() => console.log('flooding'), 500);
  await once(process, 'SIGTERM');
  ended = true;
  console.log((answered * 1000) / (performance.now() - began));
  process.exit(0);
}

async function stop(child: ChildProcess): Promise<number> {
  const said = once(child.stdout!, 'data');
  child.kill('SIGTERM');
  return Number(String((await said)[0]));
}

function connect({ server, ca, token, cert, key }: Access) {
  const session = http2.connect(server, { ca, ...(cert && { cert, key }) });
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const ask = (path: string, method = 'GET', body?: string) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const stream = session.request({
        ':path': path,
        ':method': method,
        'content-type': 'application/json',
        ...headers,
      });
      let [status, text] = [0, ''];
      stream.on('response', (found) => {
        status = Number(found[':status']);
      });
      stream.on('data', (chunk) => {
        text += chunk;
      });
      stream.on('error', reject).on('end', () => resolve({ status, body: text }));
      stream.end(body);
    });
  return { ask, close: () => session.close() };
}

async function makeConfigMap({ ask }: ReturnType<typeof connect>, i: number): Promise<void> {
  const object = { metadata: { name: `map-${i}`, labels: { is: 'some' } }, data: { i: String(i) } };
  await ask('/api/v1/namespaces/default/configmaps', 'POST', JSON.stringify(object));
}

async function grantView({ ask }: ReturnType<typeof connect>, namespace: string): Promise<void> {
  const binding = {
    metadata: { name: `view-${namespace}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', namespace, name: 'default' }],
  };
  await ask('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', 'POST', JSON.stringify(binding));
}

function accessOf(kubeconfig: string): Access {
  const file = path.join(os.tmpdir(), `${name}.kubeconfig`);
  writeFileSync(file, kubeconfig, { mode: 0o600 });
  const { server, ca = '', cert, key } = loadKubeconfig(file);
  rmSync(file);
  return { server, ca, ...(cert && { cert }), ...(key && { key }) };
}

function vitrine(...command: string[]): string {
  return execFileSync('./vitrine', [...command, '--name', name], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
