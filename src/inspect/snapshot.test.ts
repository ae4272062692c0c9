import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { FakeTransport } from '../client/fake-transport.ts';
import { createClient } from '../client/rest.ts';
import { readSnapshot, readThreads } from './snapshot.ts';

test('threads per process are those that ps -eLf lists', async (t) => {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1e6)']);
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  await settled(child.pid!);
  const listed = spawnSync('ps', ['-L', '-o', 'lwp=', '-p', String(child.pid)], { encoding: 'utf8' });
  const tids = listed.stdout.trim().split('\n').map(Number);
  const snapshot = await readSnapshot({ threads: true });
  const found = snapshot.processes.get(child.pid!);
  assert.deepEqual(
    found?.threads?.map(({ tid }) => tid),
    tids,
  );
  assert.equal(found?.threadCount, tids.length);
  assert.equal(found?.parent?.pid, process.pid);
  assert.deepEqual(
    (await readSnapshot()).processes.get(child.pid!)?.threadCount,
    tids.length,
    'without reading threads, their number is the same',
  );
});

/** Waits until a program that has just started has all its threads. */
async function settled(pid: number): Promise<void> {
  const count = () => spawnSync('ps', ['-o', 'nlwp=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  for (let before = '', stable = 0; stable < 3; ) {
    const now = count();
    stable = now === before ? stable + 1 : 0;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('while processes come and go, none is half shown', async (t) => {
  const child = spawn('/bin/sh', ['-c', 'while :; do /bin/true; (exit 3) & done'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  const until = Date.now() + 500;
  while (Date.now() < until) {
    const snapshot = await readSnapshot({ threads: true });
    for (const seen of snapshot.processes.values()) {
      assert.ok(seen.comm && seen.state && seen.startTicks >= 0, `pid ${seen.pid}`);
      assert.ok(Number.isInteger(seen.uid) && seen.user, `user of pid ${seen.pid}`);
      assert.ok(seen.cgroup.startsWith('/'), `cgroup of pid ${seen.pid}`);
      assert.equal(seen.threads?.length, seen.threadCount, `threads of pid ${seen.pid}`);
    }
  }
});

test('a process that ended since has no threads to show', async () => {
  const child = spawn('/bin/sleep', ['1000']);
  await once(child, 'spawn');
  const found = (await readSnapshot()).processes.get(child.pid!)!;
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(readThreads(found), undefined);
});

test('looking at a cluster only reads', async () => {
  const transport = new FakeTransport();
  await readSnapshot({ client: createClient(transport), objects: 'all' });
  assert.ok(transport.requests.length >= 3);
  for (const request of transport.requests) assert.match(request, /^GET /);
});
