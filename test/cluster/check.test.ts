import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { openLinux } from '../../src/linux/open.ts';
import { log } from '../kernel/runtime-fixture.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { deployment, web } from './fixture/objects.ts';
import { firstPids } from './fixture/processes.ts';
import { root, run } from './fixture/run.ts';

let cluster: TestCluster;
let space: Space;
before(async () => {
  cluster = await startTestCluster();
  space = await cluster.space('check');
  await space.apply(deployment('web', 2, web()));
  await space.kubectl('rollout status deployment/web --timeout=60s');
});
after(() => cluster?.delete());

const check = (...options: string[]) =>
  run(path.join(root, 'vitrine'), ['check', '--name', cluster.name, ...options], { timeoutMs: 60_000 });

test('a healthy cluster: nothing is off', async () => {
  const { code, stdout } = await check();
  assert.equal(code, 0, stdout);
  assert.match(
    stdout,
    /node (\S+): 2 sandboxes, 2 containers, 2 monitors, .*\nAPI: 2 Pods on node \1\nstore: revision \d+/,
  );
  assert.match(stdout, /all is well/);
});

test('what belongs to nobody is told, and with --repair removed; containers go on', async () => {
  const before = await firstPids(cluster, 'check');
  const linux = await openLinux({ log });
  const run = `/run/vitrine/${cluster.name}/node`;
  const target = `${run}/runtime/containers/nobody/rootfs`;
  const cgroup = `/vitrine-${cluster.name}/kubepods/besteffort/pod-nobody`;
  fs.mkdirSync(target, { recursive: true });
  await linux.mounts.mount({ source: 'tmpfs', target, type: 'tmpfs', flags: [] });
  await linux.cgroups.create(cgroup);
  fs.mkdirSync(`/var/lib/vitrine/${cluster.name}/kubelet/pods/nobody`, { recursive: true });
  const off = await check('-o', 'json');
  assert.equal(off.code, 1);
  const findings = JSON.parse(off.stdout).findings as { area: string; about: string }[];
  assert.deepEqual(findings.map(({ area, about }) => `${area} ${about}`).sort(), [
    `cgroup ${cgroup}`,
    `disk ${path.dirname(target)}`,
    `disk /var/lib/vitrine/${cluster.name}/kubelet/pods/nobody`,
    `mount ${target}`,
  ]);
  const repaired = await check('--repair');
  assert.equal(repaired.code, 0, repaired.stdout);
  assert.match(repaired.stdout, /started anew\nall is well/);
  assert.ok(!fs.existsSync(path.dirname(target)) && !linux.cgroups.exists(cgroup));
  await linux.close();
  assert.deepEqual(await firstPids(cluster, 'check'), before);
});

test('up of another build replaces both processes, and no container', async (context) => {
  const before = await firstPids(cluster, 'check');
  const pids = () =>
    ['server', 'agent'].map(
      (name) => fs.readFileSync(`/run/vitrine/${cluster.name}/${name}.pid`, 'utf8').split(' ')[0],
    );
  const old = pids();
  const other = path.join(root, 'dist', `build-other-${process.pid}`);
  fs.cpSync(fs.realpathSync(path.join(root, 'dist/current')), other, { recursive: true });
  context.after(() => fs.rmSync(other, { recursive: true }));
  const args = ['--no-warnings', path.join(other, 'main.js'), 'up', '--no-kubeconfig', '--name', cluster.name];
  const { code, stdout } = await run(process.execPath, args);
  assert.equal(code, 0);
  assert.match(stdout, /is upgraded, its containers went on/);
  assert.ok(pids().every((pid) => !old.includes(pid)));
  assert.deepEqual(await firstPids(cluster, 'check'), before);
  assert.match(await cluster.vitrine('up --no-kubeconfig'), /is upgraded/);
  assert.match(await cluster.vitrine('up --no-kubeconfig'), /is running/);
});

test('a stopped cluster: nothing has to be in the kernel', async () => {
  await cluster.vitrine('down');
  const { code, stdout } = await check();
  assert.equal(code, 0, stdout);
  assert.match(stdout, /node \S+: 0 sandboxes, 0 containers, 0 monitors, .*\nAPI: does not answer for node /);
  const { stderr } = await cluster.tryVitrine('look svc/web');
  assert.match(stderr, /"svc\/web": there is no such .*\(only this host was asked, as cluster ".*" is stopped; /);
});
