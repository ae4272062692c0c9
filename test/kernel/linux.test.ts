import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../src/base/log.ts';
import type { Linux } from '../../src/linux/linux.ts';
import { openLinux } from '../../src/linux/open.ts';
import { readProcess } from '../../src/linux/proc.ts';

let linux: Linux;
let directory: string;
const cgroup = `/vitrine-test-${process.pid}`;

before(async () => {
  linux = await openLinux({ log: silentLogger });
  directory = fs.mkdtempSync('/run/vitrine-test-');
});

after(async () => {
  for (const { target } of await linux.mounts.list(directory)) await linux.mounts.unmount(target);
  await linux.cgroups.remove(cgroup);
  await linux.cgroups.release();
  await linux.close();
  fs.rmSync(directory, { recursive: true });
});

const inNetns = (pin: string, ...command: string[]) => linux.processes.run(['nsenter', `--net=${pin}`, ...command]);

test('namespaces are pinned with host name and sysctls, and the thread comes back', async () => {
  const pins = { net: `${directory}/a/net`, ipc: `${directory}/a/ipc`, uts: `${directory}/a/uts` };
  await linux.namespaces.create(pins, { hostname: 'pod-0', sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0' } });
  const uts = await linux.processes.run(['nsenter', `--uts=${pins.uts}`, 'hostname']);
  assert.equal(uts.stdout.trim(), 'pod-0');
  assert.equal((await inNetns(pins.net, 'cat', '/proc/sys/net/ipv4/ip_unprivileged_port_start')).stdout.trim(), '0');
  assert.match((await inNetns(pins.net, 'ip', '-br', 'link')).stdout, /lo +UNKNOWN/);
  assert.notEqual(os.hostname(), 'pod-0');
  assert.ok((await linux.net.links()).length > 1, 'the thread is in the host network namespace again');
  await linux.namespaces.remove(pins);
  assert.deepEqual(await linux.mounts.list(directory), []);
});

test('a directory below another is bound without following links', async () => {
  const base = `${directory}/volume`;
  const target = `${directory}/bound`;
  fs.mkdirSync(`${base}/a`, { recursive: true });
  fs.writeFileSync(`${base}/a/file`, 'hello');
  fs.symlinkSync('/etc', `${base}/out`);
  await linux.mounts.bindBeneath({ base, path: 'a', target });
  assert.equal(fs.readFileSync(`${target}/file`, 'utf8'), 'hello');
  await linux.mounts.bindBeneath({ base, path: 'a/b/c', target });
  assert.deepEqual(fs.readdirSync(target), []);
  assert.ok(fs.statSync(`${base}/a/b/c`).isDirectory(), 'what is absent is made');
  await linux.mounts.bindBeneath({ base, path: 'a/file', target: `${directory}/bound-file` });
  assert.equal(fs.readFileSync(`${directory}/bound-file`, 'utf8'), 'hello');
  for (const path of ['out', 'out/ssl', '../x'])
    await assert.rejects(linux.mounts.bindBeneath({ base, path, target: `${directory}/never` }));
  assert.ok(!fs.existsSync(`${directory}/never`));
  for (const one of ['bound', 'bound-file']) await linux.mounts.unmount(`${directory}/${one}`);
  assert.deepEqual(await linux.mounts.list(directory), []);
});

test('a socket in another network namespace reaches what listens on its localhost', async () => {
  const pins = { net: `${directory}/c/net` };
  await linux.namespaces.create(pins);
  const script =
    'require("net").createServer((c) => c.end("hello")).listen(80, "127.0.0.1", () => console.log("up")); setTimeout(() => process.exit(1), 20000)';
  const server = spawn('nsenter', [`--net=${pins.net}`, process.execPath, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve) => server.stdout.once('data', resolve));
    const socket = await linux.sockets.connectLoopback(80, pins.net);
    assert.equal(String(await new Promise((resolve) => socket.once('data', resolve))), 'hello');
    socket.destroy();
    await assert.rejects(linux.sockets.connectLoopback(81, pins.net), { code: 'ECONNREFUSED' });
  } finally {
    server.kill('SIGKILL');
    await linux.namespaces.remove(pins);
  }
});

test('a Pod network answers from the host and disappears with its namespace', async () => {
  const pins = { net: `${directory}/b/net` };
  await linux.namespaces.create(pins);
  await linux.net.ensureDummy('vttest-host', ['10.255.200.1/32']);
  const pod = {
    netns: pins.net,
    hostLink: 'vttest-pod',
    hostMac: 'ee:ee:ee:ee:ee:ee',
    podMac: '0a:58:0a:ff:c8:02',
    address: '10.255.200.2',
    gateway: '169.254.1.1',
    hostAddress: '10.255.200.1',
  };
  await linux.net.attachPod(pod);
  const script =
    'const s = require("net").createServer((c) => c.end(c.remoteAddress)).listen(80, () => console.log("up")); setTimeout(() => process.exit(1), 20000)';
  const server = spawn('nsenter', [`--net=${pins.net}`, process.execPath, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => server.stdout.once('data', resolve));
  const seen = await linux.processes.run(['bash', '-c', 'cat < /dev/tcp/10.255.200.2/80']);
  assert.match(seen.stdout, /10\.255\.200\.1$/);
  await assert.rejects(linux.net.attachPod(pod), {
    name: 'SyscallError',
    code: 'EEXIST',
    message: /add link vttest-pod/,
  });
  await linux.net.replaceRoute({ destination: '10.255.200.0/24', type: 'unreachable' });
  assert.ok(
    (await linux.net.routes()).some((route) => route.destination === '10.255.200.2/32' && route.link === 'vttest-pod'),
  );
  await linux.net.deleteRoute({ destination: '10.255.200.0/24', type: 'unreachable' });
  await linux.net.deleteRoute({ destination: '10.255.200.0/24', type: 'unreachable' });
  server.kill('SIGKILL');
  await new Promise((resolve) => server.once('exit', resolve));
  await linux.namespaces.remove(pins);
  await linux.net.deleteLink('vttest-host');
  for (let i = 0; i < 100 && (await linux.net.links()).some((link) => link.name.startsWith('vttest')); i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(!(await linux.net.links()).some((link) => link.name.startsWith('vttest')));
});

test('an overlay shows the topmost layer, also with more layers than one page of options holds', async () => {
  const tmpfs = `${directory}/overlay`;
  fs.mkdirSync(tmpfs);
  await linux.mounts.mount({ source: 'tmpfs', target: tmpfs, type: 'tmpfs', flags: ['nosuid'] });
  const layers = Array.from({ length: 100 }, (_, index) => path.join(tmpfs, `layer:${index}-${'x'.repeat(50)}`));
  for (const [index, layer] of layers.entries()) {
    fs.mkdirSync(layer);
    fs.writeFileSync(path.join(layer, 'which'), String(index));
    fs.writeFileSync(path.join(layer, `only-${index}`), '');
  }
  for (const count of [2, layers.length]) {
    const [target, upper, work] = ['merged', 'upper', 'work'].map((name) => path.join(tmpfs, `${name}${count}`)) as [
      string,
      string,
      string,
    ];
    for (const made of [target, upper, work]) fs.mkdirSync(made);
    await linux.mounts.overlay({ target, lower: layers.slice(0, count), upper, work });
    assert.equal(fs.readFileSync(path.join(target, 'which'), 'utf8'), '0');
    assert.ok(fs.existsSync(path.join(target, `only-${count - 1}`)));
  }
  assert.equal((await linux.mounts.list(tmpfs)).filter((mount) => mount.type === 'overlay').length, 2);
  for (const { target } of await linux.mounts.list(tmpfs)) await linux.mounts.unmount(target);
  await linux.mounts.unmount(tmpfs);
});

test('a bind mount is read-only when asked', async () => {
  const [from, to] = [`${directory}/from`, `${directory}/to`];
  for (const made of [from, to]) fs.mkdirSync(made);
  await linux.mounts.mount({ source: from, target: to, flags: ['bind', 'rec', 'ro', 'rprivate'] });
  assert.throws(() => fs.writeFileSync(`${to}/file`, ''), { code: 'EROFS' });
  await linux.mounts.unmount(to);
});

test('a v1 cpuset has its processors from the start, and so have those that others make below', async (t) => {
  const root = linux.cgroups.layout.controllers.cpuset;
  if (linux.cgroups.layout.version === 'v2' || !root) return t.skip('no cpuset hierarchy of v1');
  const read = (place: string, file: string) =>
    fs
      .readFileSync(path.join(root, place, file))
      .toString()
      .trim();
  await linux.cgroups.create(`${cgroup}/set/pod`);
  fs.mkdirSync(path.join(root, cgroup, 'set/pod/container'));
  for (const place of [cgroup, `${cgroup}/set/pod`, `${cgroup}/set/pod/container`])
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      assert.equal(read(place, file), read('', file), `${place} ${file}`);
  await linux.cgroups.remove(cgroup);
});

test('a detached process starts in its cgroup, is limited, watched and removed with it', async () => {
  await linux.cgroups.create(`${cgroup}/a/b`, { cpuShares: 512, memoryBytes: 32 << 20, pids: 20 });
  const output = `${directory}/out`;
  const pid = await linux.processes.spawnDetached(['/bin/sh', '-c', 'cat /proc/self/cgroup; exec sleep 60'], {
    cgroup: `${cgroup}/a/b`,
    stdio: ['ignore', output, output],
  });
  for (let i = 0; i < 200 && readProcess(pid)?.comm !== 'sleep'; i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.match(fs.readFileSync(output, 'utf8'), new RegExp(`memory.*:${cgroup}/a/b|^0::${cgroup}/a/b`, 'm'));
  assert.equal(readProcess(pid)?.sid, pid, 'a session of its own');
  assert.deepEqual(await linux.cgroups.processes(`${cgroup}/a/b`), [pid]);
  assert.equal((await linux.cgroups.usage(`${cgroup}/a/b`)).memoryLimitBytes, 32 << 20);
  const gone = new Promise<void>((resolve) => linux.processes.onExit(pid, resolve));
  await linux.cgroups.remove(cgroup);
  await gone;
  assert.equal(linux.processes.startTime(pid), undefined);
  assert.equal(linux.cgroups.exists(cgroup), false);
  await linux.cgroups.remove(cgroup);
  await new Promise<void>((resolve) => linux.processes.onExit(pid, resolve));
});

test('a hierarchy that another cluster gave back is mounted again when it is needed', async () => {
  if (linux.cgroups.layout.version !== 'hybrid') return;
  await linux.cgroups.release();
  await linux.cgroups.create(`${cgroup}-again`);
  for (const file of linux.cgroups.procsFiles(`${cgroup}-again`)) assert.ok(fs.existsSync(file), file);
  await linux.cgroups.release();
  assert.ok(linux.cgroups.exists(`${cgroup}-again`));
  await linux.cgroups.remove(`${cgroup}-again`);
});

test('a process that ends among the exits it watches ends cleanly', async () => {
  const program = `
    import { openLinux } from '${new URL('../../src/linux/open.ts', import.meta.url)}';
    import { silentLogger } from '${new URL('../../src/base/log.ts', import.meta.url)}';
    const { processes, mounts } = await openLinux({ log: silentLogger });
    const pids = await Promise.all(Array.from({ length: 20 }, () => processes.spawnDetached(['sleep', '30'])));
    for (const pid of pids) processes.onExit(pid, () => {});
    await mounts.list('/none');
    setTimeout(() => process.exit(3), 1);
    for (const pid of pids) processes.kill(pid, 'SIGKILL');`;
  const file = `${directory}/program.mjs`;
  fs.writeFileSync(file, program);
  for (let i = 0; i < 3; i++) {
    const result = await linux.processes.run([process.execPath, file]);
    assert.equal(result.code, 3, result.stderr);
  }
});

test('programs run to their end, with input, exit code, signal and timeout', async () => {
  const run = linux.processes.run;
  assert.deepEqual(await run(['cat'], { input: 'hello' }), { code: 0, stdout: 'hello', stderr: '', timedOut: false });
  assert.equal((await run(['sh', '-c', 'kill -TERM $$'])).code, 143);
  assert.equal((await run(['sh', '-c', 'sleep 5; true'], { timeoutMs: 50 })).timedOut, true);
  await assert.rejects(run(['/nonexistent']), /cannot run \/nonexistent/);
});

test('nftables scripts are atomic, and errors keep the words of libnftables', async () => {
  await linux.nft.apply('add table ip vitrine-test; add chain ip vitrine-test c');
  assert.match(await linux.nft.list('list tables'), /table ip vitrine-test/);
  await assert.rejects(
    linux.nft.apply('delete table ip vitrine-test; add rule ip nosuch c accept'),
    /No such file or directory/,
  );
  assert.match(await linux.nft.list('list tables'), /table ip vitrine-test/);
  await linux.nft.apply('delete table ip vitrine-test');
});

test('packets keep their bounds over a SOCK_SEQPACKET socket with a long path', async () => {
  const socket = path.join(directory, 'd'.repeat(100), 'attach');
  fs.mkdirSync(path.dirname(socket));
  const peer = spawn('python3', ['-c', echoServer, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  const started = await Promise.race([
    new Promise<boolean>((resolve) => peer.stdout.once('data', () => resolve(true))),
    new Promise<boolean>((resolve) => peer.once('error', () => resolve(false)).once('exit', () => resolve(false))),
  ]);
  if (!started) return; // no Python on this machine
  const stream = await linux.sockets.connectSeqpacket(socket);
  stream.write(Buffer.from('one'));
  stream.write(Buffer.from('three'));
  const packets: string[] = [];
  for await (const packet of stream) {
    packets.push(Buffer.from(packet).toString());
    if (packets.length === 2) stream.end(Buffer.from('quit'));
  }
  assert.deepEqual(packets, ['one', 'three']);
  await assert.rejects(linux.sockets.connectSeqpacket(`${directory}/none`), { code: 'ENOENT' });
});

const echoServer = `
import os, socket, sys
os.chdir(os.path.dirname(sys.argv[1]))
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.bind('attach'); s.listen(1)
print('up', flush=True)
c, _ = s.accept()
while True:
    data = c.recv(65536)
    if data in (b'', b'quit'): break
    c.send(data)
`;
