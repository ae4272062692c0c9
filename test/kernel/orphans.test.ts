import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Container } from '../../src/runtime/runtime.ts';
import { until } from '../cluster/fixture/until.ts';
import { closeFixture, type Fixture, openFixture, runToEnd, shell } from './runtime-fixture.ts';

/** A node process may die between any two steps: each test makes what one such moment leaves, and opens another runtime. */
let fixture: Fixture;
let adopting: Fixture | undefined;
/** Runs all the while, and must not be touched. */
let bystander: Container;
before(async () => {
  fixture = await openFixture();
  bystander = await fixture.runtime.startContainer(shell(fixture, 'sleep 600', { id: 'bystander' }));
});
after(async () => {
  if (adopting) {
    await fixture.runtime.close();
    await fixture.linux.close();
  }
  await closeFixture(adopting ?? fixture);
});

const place = (...parts: string[]) => path.join(fixture.dir, ...parts);
const monitors = () =>
  fixture.linux.processes.withArgument(place('run/crun')).flatMap(({ command }) => {
    const at = command.indexOf('--cid');
    return at < 0 ? [] : [command[at + 1] as string];
  });
const isAlive = (pid: number) => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
};

test('what every moment of a start leaves behind is found and removed, and nothing else', async () => {
  const { runtime, linux, cgroup } = fixture;
  // The monitor runs, but its start was not noted.
  const unnoted = await runtime.startContainer(shell(fixture, 'sleep 600', { id: 'unnoted' }));
  rmSync(place('run/containers/unnoted/started.json'));
  // Not even that there was to be a container is known any more.
  const unknown = await runtime.startContainer(shell(fixture, 'sleep 600', { id: 'unknown' }));
  rmSync(place('run/containers/unknown/container.json'));
  // Its end was noted, and nothing of it removed yet.
  const ended = await runToEnd(fixture, shell(fixture, 'exit 3', { id: 'ended' }));
  for (const dir of ['state/containers/ended/upper', 'run/crun/ended']) mkdirSync(place(dir), { recursive: true });
  await linux.mounts.mount({ source: 'tmpfs', target: place('run/containers/ended/rootfs'), type: 'tmpfs', flags: [] });
  // Mounted, and nothing else yet; a writable layer, an exit file, a record of crun that nobody has.
  mkdirSync(place('run/containers/mounted/rootfs'), { recursive: true });
  const target = place('run/containers/mounted/rootfs');
  await linux.mounts.mount({ source: 'tmpfs', target, type: 'tmpfs', flags: [] });
  for (const dir of ['state/containers/nobody/upper', 'run/crun/nobody', 'run/crun/nobody-pause'])
    mkdirSync(place(dir), { recursive: true });
  writeFileSync(place('run/exits/nobody'), '0');
  // Namespaces that were pinned for a sandbox that was never noted.
  mkdirSync(place('run/sandboxes/nobody'), { recursive: true });
  await linux.namespaces.create({ net: place('run/sandboxes/nobody/net'), uts: place('run/sandboxes/nobody/uts') });
  // A sandbox whose PID holder was started and not noted.
  const spec = { id: 'shared', labels: {}, hostname: 'shared', cgroup: `${cgroup}/shared`, sharePid: true };
  await linux.cgroups.create(spec.cgroup);
  await runtime.createSandbox(spec);
  const file = place('run/sandboxes/shared/sandbox.json');
  const { pause, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify(rest));

  // As dead: it sees nothing end any more.
  await runtime.close();
  const other = await openFixture(fixture.dir);
  adopting = other;
  await until('monitors, processes and their cgroups are gone', async () => {
    const left = [unnoted.pid, unknown.pid, pause.pid].filter(isAlive);
    const cgroups = await linux.cgroups.children(`${cgroup}/pod`);
    return left.length === 0 && monitors().length === 1 && cgroups.length === 1;
  });
  assert.deepEqual(monitors(), ['bystander']);
  assert.deepEqual(
    other.runtime
      .containers()
      .map(({ id, state, pid, exitCode }) => ({ id, state, pid, exitCode }))
      .sort((a, b) => a.id.localeCompare(b.id)),
    [
      { id: 'bystander', state: 'running', pid: bystander.pid, exitCode: undefined },
      { id: 'ended', state: 'exited', pid: ended.pid, exitCode: 3 },
    ],
  );
  for (const [dir, wanted] of [
    ['run/containers', ['bystander', 'ended']],
    ['run/crun', ['bystander']],
    ['run/exits', ['ended']],
    ['state/containers', ['bystander']],
    ['run/sandboxes', ['box']],
  ] as const) {
    assert.deepEqual(readdirSync(place(dir)).sort(), wanted, dir);
  }
  const mounts = (await linux.mounts.list(fixture.dir)).map((mount) => path.relative(fixture.dir, mount.target));
  assert.deepEqual(
    mounts.filter((mount) => !/^run\/(containers\/bystander|sandboxes\/box)\//.test(mount)),
    [],
  );
  assert.deepEqual(await linux.cgroups.children(`${cgroup}/pod`), ['bystander']);
  assert.equal(linux.cgroups.exists(`${cgroup}/shared`), false);
  assert.ok(isAlive(bystander.pid) && existsSync(place('run/containers/bystander/rootfs/usr/bin/sh')));
});
