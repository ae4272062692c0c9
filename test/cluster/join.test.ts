import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { nodes, pods, services } from '../../src/api/resource.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { get } from './fixture/http.ts';
import { type Machine, startMachine } from './fixture/machine.ts';
import { pod, service, shell, stay, web } from './fixture/objects.ts';
import { root, run, words } from './fixture/run.ts';
import { until } from './fixture/until.ts';

let machine: Machine;
let cluster: TestCluster;
let space: Space;
const node = 'joined';
/** What the joined machine calls the cluster: its own files are beside those of the first one here. */
let there: string;
before(async () => {
  machine = await startMachine(`vj-${process.pid}`, '198.51.100.140');
  cluster = await startTestCluster({ up: `--node-address ${machine.gateway}` });
  there = `${cluster.name}-there`;
  space = await cluster.space('join');
});
after(async () => {
  await onMachine('delete');
  await cluster?.delete();
  await machine?.remove();
});

const onMachine = (command: string) => {
  const [program = '', ...args] = [...machine.enter, `${root}/vitrine`, ...words(command), '--name', there];
  return run(program, args, { timeoutMs: 60_000 });
};

const ready = (name: string) =>
  until(`node ${name} is Ready`, async () => {
    const found = await cluster.client.get(nodes, name).catch(() => undefined);
    return found?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True' && found;
  });

test('a machine joins with a token, takes part, goes on without the token, and leaves', async () => {
  const printed = (await cluster.vitrine('node token')).trim();
  assert.match(
    printed,
    /^vitrine agent --server https:\/\/198\.51\.100\.140:6443 --token [a-z0-9]{6}\.[a-z0-9]{16} --ca-hash sha256:[0-9a-f]{64}$/,
  );
  const wrong = printed.replace(/sha256:.*/, `sha256:${'0'.repeat(64)}`).replace('vitrine ', '');
  assert.match((await onMachine(wrong)).stderr, /the CA of .* is sha256:[0-9a-f]{64}, not sha256:0000/);

  const command = [
    ...machine.enter,
    `${root}/vitrine`,
    ...words(printed).slice(1),
    '--node-name',
    node,
    '--name',
    there,
  ];
  const agent = spawn(command[0] as string, command.slice(1), { stdio: 'ignore' });
  const ended = new Promise<number | null>((resolve) => agent.once('exit', resolve));
  const { status, spec } = await ready(node);
  assert.equal(status?.addresses?.find(({ type }) => type === 'InternalIP')?.address, machine.address);
  assert.ok(spec.podCIDR);
  assert.doesNotMatch(
    fs.readFileSync(`/var/lib/vitrine/${there}/join.json`, 'utf8'),
    /token/,
    'the token is forgotten',
  );

  const own = cluster.config.nodeName;
  await space.apply(
    pod('web-here', web(), { nodeName: own }, { app: 'web' }),
    pod('web-there', web(), { nodeName: node }, { app: 'web' }),
    pod('client-here', shell(stay), { nodeName: own }),
    pod('client-there', shell(stay), { nodeName: node }),
    service('web', 'web'),
  );
  await Promise.all(['web-here', 'web-there', 'client-here', 'client-there'].map((name) => space.untilReady(name)));
  for (const client of ['client-here', 'client-there'])
    for (const server of ['web-here', 'web-there']) {
      const address = (await space.get(pods, server)).status?.podIP;
      assert.equal((await space.exec(client, `curl -s --max-time 10 http://${address}:8080/`)).trim(), server);
    }
  const seen = new Set<string>();
  await until('the Service leads to both', async () => {
    seen.add((await space.exec('client-there', 'curl -s --max-time 10 http://web.join/')).trim());
    return seen.size === 2;
  });
  const { spec: balanced } = await space.get(services, 'web');
  await until('and from here', async () => (await get(`http://${balanced.clusterIP}/`)).trim() === 'web-there');

  // nsenter becomes the agent.
  agent.kill('SIGTERM');
  assert.equal(await ended, 0);
  assert.match((await onMachine('up')).stdout, /^node "joined" is ready, of the cluster at https:/);
  assert.match((await onMachine('status')).stdout, /running/);
  await ready(node);
  assert.equal(await space.kubectl('logs client-there'), '');

  assert.match((await onMachine('delete')).stdout, /node "joined" has left/);
  for (const dir of ['/var/lib', '/run', '/var/log']) assert.equal(fs.existsSync(`${dir}/vitrine/${there}`), false);
  const [program = '', ...args] = [...machine.enter, 'sh', '-c', 'ip -o link; ip route; nft list tables'];
  const left = (await run(program, args)).stdout;
  assert.deepEqual(
    left.split('\n').filter((line) => /vitrine|vt-|10\.\d+\./.test(line)),
    [],
  );
});
