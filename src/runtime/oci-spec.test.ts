import assert from 'node:assert/strict';
import test from 'node:test';
import { capabilitiesOf } from './capabilities.ts';
import { resolveUser } from './container-user.ts';
import { containerArgs, containerEnv, ociResources } from './oci-spec.ts';
import { seccompKey } from './seccomp-profile.ts';
import { signalNumber } from './signals.ts';

const image = { Entrypoint: ['entry'], Cmd: ['cmd'] };
const commandLines: [sentence: string, spec: { command?: string[]; args?: string[] }, want: string[]][] = [
  ['neither: the image decides', {}, ['entry', 'cmd']],
  ['command alone drops the image’s cmd', { command: ['c'] }, ['c']],
  ['args alone keep the entrypoint', { args: ['a'] }, ['entry', 'a']],
  ['both replace both', { command: ['c'], args: ['a'] }, ['c', 'a']],
];
for (const [sentence, spec, want] of commandLines)
  test(sentence, () => assert.deepEqual(containerArgs(spec, image), want));

test('without any command a container cannot be made', () => {
  assert.throws(() => containerArgs({}, {}), { reason: 'CreateContainerError', message: 'no command specified' });
});

test('the container’s environment wins over the image’s, which wins over the default', () => {
  const env = containerEnv(
    { env: [{ name: 'A', value: '2' }], tty: true },
    { Env: ['A=1', 'PATH=/x', 'B=b=c'] },
    'host',
  );
  assert.deepEqual(env, ['PATH=/x', 'TERM=xterm', 'HOSTNAME=host', 'A=2', 'B=b=c']);
});

const files = { passwd: 'root:x:0:0::/:\nweb:x:10:20::/:\n', group: 'web:x:20:\nextra:x:30:root,web\n' };
const users: [user: string, uid: number, gid: number, additional: number[]][] = [
  ['', 0, 0, [0, 30, 99]],
  ['web', 10, 20, [20, 30, 99]],
  ['10', 10, 20, [20, 30, 99]],
  ['1234', 1234, 0, [0, 99]],
  ['web:extra', 10, 30, [30, 99]],
  ['1234:5678', 1234, 5678, [5678, 99]],
];
for (const [user, uid, gid, additionalGids] of users) {
  test(`user '${user}' is ${uid}:${gid}`, () =>
    assert.deepEqual(resolveUser(user, files, [99]), { uid, gid, additionalGids }));
}

test('a user that the image does not have is refused', () => {
  assert.throws(() => resolveUser('nobody', files, []), {
    message: 'unable to find user nobody: no matching entries in passwd file',
  });
});

test('capabilities: the default set, additions, removals, ALL, and never what we lack', () => {
  const available = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN'];
  const of = (add: string[], drop: string[], privileged = false) =>
    capabilitiesOf({ privileged, capabilities: { add, drop } }, available).sort();
  assert.deepEqual(of([], []), ['CAP_CHOWN', 'CAP_KILL']);
  assert.deepEqual(of(['NET_ADMIN', 'SYS_TIME'], ['kill']), ['CAP_CHOWN', 'CAP_NET_ADMIN']);
  assert.deepEqual(of(['CAP_KILL'], ['ALL']), ['CAP_KILL']);
  assert.deepEqual(of(['ALL'], ['CHOWN']), ['CAP_KILL', 'CAP_NET_ADMIN']);
  assert.deepEqual(of([], ['ALL'], true), available);
});

test('only capabilities that open system calls name a compiled filter', () => {
  assert.equal(seccompKey(['CAP_CHOWN', 'CAP_SYS_CHROOT', 'CAP_KILL']), `${process.arch}-sys_chroot`);
});

test('stop signals are read as images and manifests write them', () => {
  for (const [name, number] of [
    ['SIGTERM', 15],
    ['term', 15],
    ['9', 9],
    ['SIGWINCH', 28],
    ['SIGRTMIN+3', 37],
  ] as const) {
    assert.equal(signalNumber(name), number, name);
  }
  assert.throws(() => signalNumber('SIGNONE'), /unknown signal 'SIGNONE'/);
});

test('an out-of-memory kill takes the whole container, and swap has a limit, where the kernel can do that', () => {
  const resources = { memoryBytes: 1000, oomGroup: true, swapBytes: 0 };
  assert.deepEqual(ociResources(resources, 'v2'), {
    memory: { limit: 1000 },
    unified: { 'memory.oom.group': '1', 'memory.swap.max': '0' },
  });
  assert.deepEqual(ociResources(resources, 'hybrid'), { memory: { limit: 1000 } });
});
