import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { StreamSession } from '../../src/runtime/runtime.ts';
import { until } from '../cluster/fixture/until.ts';
import { closeFixture, type Fixture, openFixture, runToEnd, shell } from './runtime-fixture.ts';

let fixture: Fixture;
before(async () => {
  fixture = await openFixture();
});
after(() => closeFixture(fixture));

const logLines = (file: string) => readFileSync(file, 'utf8').trim().split('\n');
const withoutTime = (line: string) => line.slice(line.indexOf(' ') + 1);

async function collect(session: StreamSession): Promise<{ stdout: string; stderr: string; code: number }> {
  const read = async (stream: AsyncIterable<Buffer> | undefined) => {
    let text = '';
    for await (const chunk of stream ?? []) text += chunk.toString();
    return text;
  };
  const [stdout, stderr, code] = await Promise.all([read(session.stdout), read(session.stderr), session.exit]);
  return { stdout, stderr, code };
}

test('a container runs to its end: exit code, times, and its output in the CRI log format', async () => {
  const container = await runToEnd(fixture, shell(fixture, 'echo out; echo err >&2; exit 3'));
  assert.equal(container.state, 'exited');
  assert.equal(container.exitCode, 3);
  assert.equal(container.oomKilled, false);
  assert.ok((container.finishedAtMs ?? 0) >= container.startedAtMs);
  const lines = logLines(container.logPath);
  assert.deepEqual(lines.map(withoutTime).sort(), ['stderr F err', 'stdout F out']);
  for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\S* (stdout|stderr) [FP] /);
});

test('environment, user, groups, working directory and host name are those of image and spec', async () => {
  const spec = shell(fixture, 'echo $FROM $X; id; pwd; cat /proc/sys/kernel/hostname', {
    env: [{ name: 'X', value: 'spec' }],
    workingDir: '/made/for/it',
  });
  spec.security.user = 'web';
  const { logPath } = await runToEnd(fixture, spec);
  assert.deepEqual(
    logLines(logPath).map((line) => withoutTime(line).replace('stdout F ', '')),
    ['image spec', 'uid=1001(web) gid=1002(web) groups=1002(web),1003(extra)', '/made/for/it', 'box'],
  );
});

test('a command that is not there is a RunContainerError that names it, and leaves nothing', async () => {
  const spec = shell(fixture, '', { command: ['/no/such/program'] });
  await assert.rejects(fixture.runtime.startContainer(spec), (error: Error & { reason: string }) => {
    assert.equal(error.reason, 'RunContainerError');
    assert.match(error.message, /\/no\/such\/program/);
    return true;
  });
  assert.equal(fixture.runtime.container(spec.id), undefined);
  assert.equal(existsSync(path.join(fixture.dir, 'run/containers', spec.id)), false);
});

test('a container over its memory limit is killed: 137 and oomKilled', async () => {
  const spec = shell(fixture, 'x=0123456789abcdef; while :; do x=$x$x; done', { resources: { memoryBytes: 32 << 20 } });
  const container = await runToEnd(fixture, spec);
  assert.equal(container.exitCode, 137);
  assert.equal(container.signal, 9);
  assert.equal(container.oomKilled, true);
});

test('stop sends the signal that the container asked for, and SIGKILL when the grace is over', async () => {
  const polite = shell(fixture, 'trap "exit 7" USR1; echo ready; while :; do sleep 0.05; done', {
    stopSignal: 'SIGUSR1',
  });
  await fixture.runtime.startContainer(polite);
  await until('it is ready', () => readFileSync(polite.logPath, 'utf8').includes('ready'));
  await fixture.runtime.stopContainer(polite.id, { graceMs: 5_000 });
  assert.equal(fixture.runtime.container(polite.id)?.exitCode, 7);

  const stubborn = shell(fixture, 'trap "" TERM; sleep 60 & wait; sleep 60');
  await fixture.runtime.startContainer(stubborn);
  const start = performance.now();
  await fixture.runtime.stopContainer(stubborn.id, { graceMs: 200 });
  assert.equal(fixture.runtime.container(stubborn.id)?.exitCode, 137);
  assert.ok(performance.now() - start < 30_000, 'before its minute is over');
});

test('exec runs inside, gives exit code and streams, and is killed when its time is up', async () => {
  const spec = shell(fixture, 'sleep 600');
  await fixture.runtime.startContainer(spec);
  const done = await fixture.runtime.exec(spec.id, ['sh', '-c', 'cat /proc/1/comm; echo bad >&2; exit 5']);
  assert.deepEqual(done, { exitCode: 5, stdout: 'sh\n', stderr: 'bad\n', timedOut: false });
  const late = await fixture.runtime.exec(spec.id, ['sleep', '30'], { timeoutMs: 200 });
  assert.equal(late.timedOut, true);
  const listing = await fixture.runtime.exec(spec.id, ['sh', '-c', 'cat /proc/[0-9]*/cmdline']);
  assert.ok(!listing.stdout.includes('sleep\0' + '30'));

  const session = await fixture.runtime.execStream(spec.id, { command: ['cat'], tty: false, stdin: true });
  session.stdin?.end('through\n');
  assert.deepEqual(await collect(session), { stdout: 'through\n', stderr: '', code: 0 });
  await fixture.runtime.removeContainer(spec.id);
});

test('exec with a tty has a terminal whose size can be set', async () => {
  const spec = shell(fixture, 'sleep 600');
  await fixture.runtime.startContainer(spec);
  const session = await fixture.runtime.execStream(spec.id, { command: ['sh'], tty: true, stdin: true });
  session.resize(100, 40);
  await delay(300);
  session.stdin?.write('stty size; tty=yes; [ -t 0 ] && echo is-$tty; exit 4\n');
  const { stdout, code } = await collect(session);
  assert.match(stdout, /40 100/);
  assert.match(stdout, /is-yes/);
  assert.equal(code, 4);
  const size = { columns: 90, rows: 30 };
  const sized = await fixture.runtime.execStream(spec.id, { command: ['sh'], tty: true, size, stdin: true });
  await delay(300);
  sized.stdin?.write('stty size; exit\n');
  assert.match((await collect(sized)).stdout, /30 90/);
  await fixture.runtime.removeContainer(spec.id);
});

test('commands on terminals that end at once lose nothing of what they say, and nothing is added', async () => {
  const spec = shell(fixture, 'sleep 600');
  await fixture.runtime.startContainer(spec);
  const command = ['sh', '-c', 'i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo $i; done; exit 3'];
  const expected = { stdout: Array.from({ length: 300 }, (_, i) => `${i + 1}\r\n`).join(''), stderr: '', code: 3 };
  for (let round = 0; round < 6; round++)
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const session = await fixture.runtime.execStream(spec.id, { command, tty: true, stdin: false });
        assert.deepEqual(await collect(session), expected);
      }),
    );
  const absent = await fixture.runtime.execStream(spec.id, { command: ['/absent'], tty: true, stdin: false });
  const { stdout, code } = await collect(absent);
  assert.match(stdout, /\/absent/);
  assert.notEqual(code, 0);
  await fixture.runtime.removeContainer(spec.id);
});

test('attach reaches the streams of the first process; stdinOnce closes stdin after the first client', async () => {
  const spec = shell(fixture, 'while read line; do echo "got $line"; done; echo end', { stdin: true, stdinOnce: true });
  await fixture.runtime.startContainer(spec);
  const session = await fixture.runtime.attach(spec.id, { stdin: true, tty: false });
  session.stdin?.write('one\n');
  await until('the line came back', () => readFileSync(spec.logPath, 'utf8').includes('got one'));
  session.stdin?.end();
  const { stdout } = await collect(session);
  assert.match(stdout, /got one\n/);
  await until('it ended', () => fixture.runtime.container(spec.id)?.state === 'exited');
});

test('after a rotation by rename the log goes on in a new file', async () => {
  const spec = shell(fixture, 'echo first; while [ ! -e /go ]; do sleep 0.02; done; echo second; sleep 600');
  await fixture.runtime.startContainer(spec);
  await until('the first line is logged', () => readFileSync(spec.logPath, 'utf8').includes('first'));
  renameSync(spec.logPath, `${spec.logPath}.1`);
  await fixture.runtime.reopenLog(spec.id);
  await until('the new file is there', () => existsSync(spec.logPath));
  await fixture.runtime.exec(spec.id, ['touch', '/go']);
  await until('the second line is logged', () => readFileSync(spec.logPath, 'utf8').includes('second'));
  assert.doesNotMatch(readFileSync(`${spec.logPath}.1`, 'utf8'), /second/);
  assert.ok(((await fixture.runtime.stats(spec.id))?.memoryBytes ?? 0) > 0);
  await fixture.runtime.removeContainer(spec.id);
});

test('containers of a sandbox that shares its PID namespace see each other under a first process that reaps', async () => {
  const cgroup = `${fixture.cgroup}/shared`;
  await fixture.linux.cgroups.create(cgroup);
  await fixture.runtime.createSandbox({ id: 'shared', labels: {}, hostname: 'shared', cgroup, sharePid: true });
  const one = shell(fixture, 'sleep 61', { sandboxId: 'shared' });
  await fixture.runtime.startContainer(one);
  const two = await runToEnd(
    fixture,
    shell(fixture, 'cat /proc/1/comm; cat /proc/[0-9]*/cmdline', { sandboxId: 'shared' }),
  );
  const text = readFileSync(two.logPath, 'utf8');
  assert.match(text, /stdout F pause/);
  assert.ok(text.includes('sleep\0' + '61'));
  await fixture.runtime.removeSandbox('shared');
  assert.equal(fixture.runtime.container(one.id), undefined);
  assert.equal(fixture.linux.cgroups.exists(cgroup), false);
});

test('a second runtime re-adopts what a killed one left: same pid, exit codes of what ended meanwhile', async () => {
  const { child, dir, ids } = await startOther();
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
  await delay(700); // the short one ends while nobody watches
  const second = await openFixture(dir);
  const long = second.runtime.container('long');
  assert.equal(long?.state, 'running');
  assert.equal(long?.pid, ids.long);
  await until('the exit is noticed', () => second.runtime.container('short')?.state === 'exited');
  assert.equal(second.runtime.container('short')?.exitCode, 9);
  await second.runtime.stopContainer('long', { graceMs: 0 });
  assert.equal(second.runtime.container('long')?.exitCode, 137);
  await closeFixture({ ...second, cgroup: `/${path.basename(dir)}` });
});

test('mounts, read-only root, termination message and the limits of an ordinary container', async () => {
  const shared = path.join(fixture.dir, 'shared');
  mkdirSync(shared, { recursive: true });
  const message = path.join(fixture.dir, 'message');
  const script = `
    echo from-inside > /data/file && echo data-writable
    touch /ro/file 2>/dev/null || echo ro-refused
    touch /file 2>/dev/null || echo root-refused
    (echo x > /proc/sys/kernel/hostname) 2>/dev/null || echo sysctl-refused
    cat /proc/keys | head -c 1; echo masked
    while read key value; do case $key in Seccomp:|NoNewPrivs:|CapEff:) echo $key$value;; esac; done </proc/self/status
    echo bye > /dev/termination-log`;
  const spec = shell(fixture, script, {
    mounts: [
      { hostPath: shared, containerPath: '/data', readOnly: false },
      { hostPath: shared, containerPath: '/ro', readOnly: true, propagation: 'hostToContainer' },
    ],
    terminationMessage: { hostPath: message, containerPath: '/dev/termination-log' },
  });
  spec.security.readOnlyRoot = true;
  spec.security.noNewPrivileges = true;
  spec.security.capabilities = { add: [], drop: ['ALL'] };
  const { logPath } = await runToEnd(fixture, spec);
  assert.deepEqual(
    logLines(logPath).map((line) => withoutTime(line).replace('stdout F ', '')),
    [
      'data-writable',
      'ro-refused',
      'root-refused',
      'sysctl-refused',
      'masked',
      'CapEff:0000000000000000',
      'NoNewPrivs:1',
      'Seccomp:2',
    ],
  );
  assert.equal(readFileSync(path.join(shared, 'file'), 'utf8'), 'from-inside\n');
  assert.equal(readFileSync(message, 'utf8'), 'bye\n');
});

test('a privileged container has our capabilities, the host’s devices and no filter', async () => {
  const spec = shell(
    fixture,
    'while read k v; do case $k in Seccomp:) echo $k$v;; esac; done </proc/self/status; ls /dev; id',
  );
  spec.security.privileged = true;
  const { logPath, exitCode } = await runToEnd(fixture, spec);
  const text = readFileSync(logPath, 'utf8');
  assert.equal(exitCode, 0);
  assert.match(text, /Seccomp:0/);
  assert.match(text, /stdout F kmsg/);
});

test('a container on the host’s network and PIDs sees them', async () => {
  const cgroup = `${fixture.cgroup}/host`;
  await fixture.linux.cgroups.create(cgroup);
  const host = { net: true, pid: true, ipc: true };
  await fixture.runtime.createSandbox({ id: 'host', labels: {}, hostname: 'host', cgroup, host });
  const spec = shell(fixture, 'ls -l /proc/self/ns; cat /proc/$PPID/comm', { sandboxId: 'host' });
  const { logPath } = await runToEnd(fixture, spec);
  const text = readFileSync(logPath, 'utf8');
  for (const kind of ['net', 'pid', 'ipc', 'uts'])
    assert.ok(text.includes(readlinkSync(`/proc/self/ns/${kind}`)), kind);
  await fixture.runtime.removeSandbox('host');
});

test('a container whose state finds no room on the disk leaves nothing', async () => {
  const { mounts } = fixture.linux;
  const target = path.join(fixture.dir, 'run/containers');
  const before = readdirSync(target);
  // An inode for its root, and one for a directory: none for a file.
  await mounts.mount({ source: 'full', target, type: 'tmpfs', data: 'nr_inodes=2' });
  try {
    await assert.rejects(fixture.runtime.startContainer(shell(fixture, 'true', { id: 'no-room' })), /ENOSPC/);
    assert.deepEqual(readdirSync(target), []);
  } finally {
    await mounts.unmount(target);
  }
  assert.equal(fixture.runtime.container('no-room'), undefined);
  assert.deepEqual(readdirSync(target), before);
});

test('a removed container leaves no mount, cgroup, process record or file', async () => {
  const spec = shell(fixture, 'touch /written; sleep 60');
  const { cgroup } = await fixture.runtime.startContainer(spec);
  await fixture.runtime.removeContainer(spec.id);
  assert.deepEqual(
    (await fixture.linux.mounts.list(fixture.dir)).filter((mount) => mount.target.includes(spec.id)),
    [],
  );
  assert.equal(fixture.linux.cgroups.exists(cgroup), false);
  for (const dir of ['run/containers', 'run/exits', 'run/crun', 'state/containers']) {
    assert.ok(!readdirSync(path.join(fixture.dir, dir)).includes(spec.id), dir);
  }
});

/** Another process with a runtime of its own, which has started a long and a short container. */
async function startOther() {
  const script = path.join(import.meta.dirname, 'runtime-other-process.ts');
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) {
    text += chunk;
    if (text.includes('\n')) break;
  }
  const { dir, long } = JSON.parse(text) as { dir: string; long: number };
  return { child, dir, ids: { long } };
}
