import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planLaunchMounts } from './plan-launch-mounts.ts';

const plan = (targets: string[], visible: string[]) =>
  planLaunchMounts(
    targets.map((target) => ({ target })),
    visible,
  );

test('what is detached goes with all below it, so only the highest mount points are named', () => {
  const { detach } = plan(['/', '/run', '/run/a/node', '/run/a/node/pod/rootfs', '/home', '/homes/x'], []);
  assert.deepEqual(detach, ['/run', '/home', '/homes/x']);
});

test('two mounts on one mount point are both detached', () => {
  assert.deepEqual(plan(['/dev/shm', '/mnt', '/mnt'], []).detach, ['/dev/shm', '/mnt', '/mnt']);
});

test('the mounts that a visible path lies on are kept, parents first', () => {
  const targets = ['/var/lib', '/var/log/pods', '/var', '/var/log', '/var/logs', '/usr', '/media/disk'];
  const { keep } = plan(targets, ['/var/log/pods/x', '/usr/bin/crun']);
  assert.deepEqual(keep, ['/var', '/usr', '/var/log', '/var/log/pods']);
});

test("what is mounted below a visible path is not: there are the other containers' roots", () => {
  assert.deepEqual(plan(['/run', '/run/n', '/run/n/c/rootfs', '/run/n/s/shm'], ['/run/n']).keep, ['/run', '/run/n']);
});

test("the kernel's file systems are kept with all that is mounted in them", () => {
  const kernel = ['/proc', '/sys', '/dev', '/sys/fs/cgroup', '/dev/pts', '/sys/fs/cgroup/cpu'];
  assert.deepEqual(new Set(plan([...kernel, '/devices'], []).keep), new Set(kernel));
});
