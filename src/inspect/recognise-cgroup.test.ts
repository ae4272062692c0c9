import assert from 'node:assert/strict';
import { test } from 'node:test';
import { primaryCgroup, recogniseCgroup } from './recognise-cgroup.ts';

const id = '0123456789abcdef'.repeat(4);
const other = 'f'.repeat(64);
const uid = 'a1b2c3d4-0000-4000-8000-123456789abc';
const uidInSlice = uid.replaceAll('-', '_');

const rows: [what: string, cgroup: string, expected: ReturnType<typeof recogniseCgroup>][] = [
  ['the root', '/', {}],
  [
    "Vitrine's Pod",
    `/vitrine-demo/kubepods/burstable/pod${uid}/${id}`,
    { container: { id, runtime: 'vitrine', cluster: 'demo', podUid: uid } },
  ],
  [
    "Vitrine's guaranteed Pod",
    `/vitrine-demo/kubepods/pod${uid}/${id}`,
    { container: { id, runtime: 'vitrine', cluster: 'demo', podUid: uid } },
  ],
  [
    "Vitrine's Pod on a further node",
    `/vitrine-demo/nodes/vm-2/kubepods/besteffort/pod${uid}/${id}`,
    { container: { id, runtime: 'vitrine', cluster: 'demo', podUid: uid } },
  ],
  ['docker, cgroupfs', `/docker/${id}`, { container: { id, runtime: 'docker' } }],
  [
    'docker, systemd',
    `/system.slice/docker-${id}.scope`,
    { container: { id, runtime: 'docker' }, unit: `docker-${id}.scope` },
  ],
  [
    'containerd through CRI, systemd',
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uidInSlice}.slice/cri-containerd-${id}.scope`,
    { container: { id, runtime: 'containerd', podUid: uid }, unit: `cri-containerd-${id}.scope` },
  ],
  [
    'a Pod, cgroupfs, runtime not told',
    `/kubepods/besteffort/pod${uid}/${id}`,
    { container: { id, runtime: 'kubernetes', podUid: uid } },
  ],
  [
    'a Pod of kind: inside a docker container',
    `/docker/${other}/kubelet/kubepods/besteffort/pod${uid}/${id}`,
    { container: { id, runtime: 'kubernetes', podUid: uid } },
  ],
  [
    'CRI-O',
    `/kubepods.slice/kubepods-pod${uidInSlice}.slice/crio-${id}.scope`,
    { container: { id, runtime: 'cri-o', podUid: uid }, unit: `crio-${id}.scope` },
  ],
  [
    'podman, rootless',
    `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope/container`,
    { container: { id, runtime: 'podman' }, unit: `libpod-${id}.scope` },
  ],
  [
    "podman's monitor",
    `/machine.slice/libpod-conmon-${id}.scope`,
    { monitorOf: id, unit: `libpod-conmon-${id}.scope` },
  ],
  ["containerd's ctr", '/default/web-1', { container: { id: 'web-1', runtime: 'containerd' } }],
  [
    'LXC',
    '/lxc.payload.box/system.slice/ssh.service',
    { container: { id: 'box', runtime: 'lxc' }, unit: 'ssh.service' },
  ],
  ['LXC of old', '/lxc/box', { container: { id: 'box', runtime: 'lxc' } }],
  ["LXC's monitor", '/lxc.monitor.box', { monitorOf: 'box' }],
  [
    'nspawn',
    '/machine.slice/machine-my\\x2dbox.scope/payload',
    { container: { id: 'my-box', runtime: 'nspawn' }, unit: 'machine-my-box.scope' },
  ],
  ['snap', '/system.slice/snap.lxd.daemon.service', { unit: 'snap.lxd.daemon.service', package: 'snap lxd' }],
  [
    'flatpak',
    '/user.slice/user-1000.slice/user@1000.service/app.slice/app-flatpak-org.gimp.GIMP-4242.scope',
    { unit: 'app-flatpak-org.gimp.GIMP-4242.scope', package: 'flatpak org.gimp.GIMP' },
  ],
  ['a systemd service', '/system.slice/ssh.service', { unit: 'ssh.service' }],
  ['a session', '/user.slice/user-0.slice/session-2.scope', { unit: 'session-2.scope' }],
  ['a bare slice', '/user.slice/user-0.slice', { unit: 'user-0.slice' }],
];

for (const [what, cgroup, expected] of rows)
  test(`${what} is recognised by its cgroup`, () => assert.deepEqual(recogniseCgroup(cgroup), expected));

test('of several hierarchies the one that is not the root counts', () => {
  assert.equal(primaryCgroup({ '': '/a', memory: '/b' }), '/a');
  assert.equal(primaryCgroup({ cpu: '/', memory: '/b', '': '/' }), '/b');
  assert.equal(primaryCgroup({ cpu: '/', memory: '/' }), '/');
});
