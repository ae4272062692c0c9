import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { look } from '../../src/inspect/look/look.ts';
import { type Container, readSnapshot, type Snapshot } from '../../src/inspect/snapshot.ts';
import { until } from '../cluster/fixture/until.ts';
import { DebianHost, noDebianHost } from './debian-host.ts';

/**
 * Containers of Debian's docker, containerd, podman and LXC, as the glass sees them from outside of their host. crun would
 * refuse a machine whose cgroup v2 has controllers beside those of v1, as this one may while no cluster runs.
 */
const options = { skip: noDebianHost ?? false };
let host: DebianHost;
let snapshot: Snapshot;

const prepare = `
mkdir -p /tmp/rootfs/bin /tmp/rootfs/proc /tmp/rootfs/sys /tmp/rootfs/dev
cp /bin/busybox /tmp/rootfs/bin/sleep
tar -C /tmp/rootfs -cf /tmp/rootfs.tar .
podman --storage-driver vfs import -q /tmp/rootfs.tar localhost/tiny:1 >/dev/null
podman --storage-driver vfs save -q --format oci-archive -o /tmp/tiny.tar localhost/tiny:1
podman --storage-driver vfs --runtime runc run -d --name glass-podman --network none --cgroup-manager cgroupfs \\
  --cgroup-parent vitrine-test-podman --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 localhost/tiny:1 /bin/sleep 7331 >/dev/null
(setsid containerd --state /tmp/containerd --address /tmp/containerd/containerd.sock >/tmp/containerd.log 2>&1 </dev/null &)
for i in $(seq 100); do ctr -a /tmp/containerd/containerd.sock version >/dev/null 2>&1 && break; sleep 0.1; done
ctr="ctr -a /tmp/containerd/containerd.sock -n vitrine-test-team"
$ctr images import --snapshotter native /tmp/tiny.tar >/dev/null
$ctr run -d --snapshotter native localhost/tiny:1 web /bin/sleep 7332
mkdir -p /var/lib/lxc/vitrine-test-box
cp -a /tmp/rootfs /var/lib/lxc/vitrine-test-box/
cat > /var/lib/lxc/vitrine-test-box/config <<X
lxc.rootfs.path = dir:/var/lib/lxc/vitrine-test-box/rootfs
lxc.uts.name = box
lxc.net.0.type = empty
lxc.init.cmd = /bin/sleep 7333
lxc.apparmor.profile = unconfined
X
lxc-start -n vitrine-test-box
(setsid dockerd --iptables=false --ip6tables=false --bridge none --storage-driver vfs --exec-root /tmp/docker \\
  --cgroup-parent vitrine-test-docker --pidfile /tmp/docker.pid -H unix:///tmp/docker.sock >/tmp/dockerd.log 2>&1 </dev/null &)
docker="/usr/bin/docker -H unix:///tmp/docker.sock"
for i in $(seq 200); do $docker info >/dev/null 2>&1 && break; sleep 0.1; done
$docker import /tmp/rootfs.tar team/tiny:7 >/dev/null
$docker run -d --name glass-docker --network none team/tiny:7 /bin/sleep 7334 >/dev/null || { tail -20 /tmp/dockerd.log >&2; exit 1; }
`;

before(async () => {
  if (noDebianHost) return;
  host = await DebianHost.start(
    ['containerd', 'runc', 'podman', 'crun', 'conmon', 'lxc', 'busybox-static', 'docker.io'],
    {
      pids: true,
    },
  );
  await host.run(prepare);
  snapshot = await readSnapshot();
});

after(async () => {
  await host?.stop();
  // What podman starts at a container's end may still be making some.
  await until('the cgroups are gone', () => {
    removeCgroups();
    return true;
  });
});

const ours = (): Container[] =>
  [...snapshot.containers.values()].filter(({ processes }) =>
    processes.some(({ cmdline }) => cmdline[0] === '/bin/sleep' && /^733\d$/.test(cmdline[1] ?? '')),
  );

/** Empty ones that the runtimes left, in all hierarchies, below the root or below our own. */
function removeCgroups(directory = '/sys/fs/cgroup', ours = false): void {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory())
      removeCgroups(path.join(directory, entry.name), ours || /vitrine-test-(podman|team|box|docker)/.test(entry.name));
  if (ours) fs.rmdirSync(directory);
}

test(
  'containers of docker, podman, plain containerd and LXC have their runtime, name, image and monitor',
  options,
  () => {
    const seen = ours().map(({ runtime, name, image, processes, first, monitor }) => ({
      runtime,
      name,
      image,
      command: processes.map(({ cmdline }) => cmdline.join(' ')),
      first: first?.innerPid,
      monitor: monitor?.comm,
    }));
    const one = (runtime: string, name: string, seconds: number, monitor: string, image?: string) => {
      const command = [`/bin/sleep ${seconds}`];
      return { runtime, name, image, command, first: 1, monitor };
    };
    assert.deepEqual(
      seen.sort((a, b) => (a.runtime < b.runtime ? -1 : 1)),
      [
        one('containerd', 'web', 7332, 'containerd-shim', 'localhost/tiny:1'),
        one('docker', 'glass-docker', 7334, 'containerd-shim', 'team/tiny:7'),
        one('lxc', 'vitrine-test-box', 7333, 'lxc-start'),
        one('podman', 'glass-podman', 7331, 'conmon', 'localhost/tiny:1'),
      ],
    );
  },
);

test('look finds them by name, id and image', options, () => {
  assert.match(look('glass-podman', snapshot)[0]!.title, /^container glass-podman$/);
  assert.match(look('vitrine-test-box', snapshot)[0]!.title, /^container vitrine-test-box$/);
  const image = look('localhost/tiny:1', snapshot)[0]!;
  assert.equal(image.type, 'image');
  assert.deepEqual(image.below.map(({ text }) => text).sort(), ['container glass-podman', 'container web']);
});
