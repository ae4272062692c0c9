import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { parseMountInfo } from '../../src/linux/mountinfo.ts';
import { readText } from '../../src/linux/read-text.ts';
import { until } from '../cluster/fixture/until.ts';
import { closeFixture, type Fixture, openFixture, runToEnd, shell } from './runtime-fixture.ts';

let fixture: Fixture;
before(async () => {
  fixture = await openFixture();
});
after(() => closeFixture(fixture));

const targetsOf = (pid: number) => parseMountInfo(readText(`/proc/${pid}/mountinfo`)).map(({ target }) => target);
const words = (file: string) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ').slice(3).join(' '));

const bundleOf = (id: string) => path.join(fixture.dir, 'run/containers', id);
const monitorOf = (id: string) => Number(readFileSync(path.join(bundleOf(id), 'conmon.pid'), 'utf8'));

/** A tmpfs below the fixture's directory. */
async function tmpfs(name: string, flags: string[] = []): Promise<string> {
  const target = path.join(fixture.dir, name);
  mkdirSync(target, { recursive: true });
  await fixture.linux.mounts.mount({ source: 'test', target, type: 'tmpfs' });
  if (flags.length) await fixture.linux.mounts.mount({ source: 'none', target, flags });
  return target;
}

test('a monitor has its own container’s mounts and no other’s, and the host gets none of them', async () => {
  await fixture.runtime.startContainer(shell(fixture, 'sleep 1000', { id: 'first' }));
  const other = await tmpfs('other');
  const before = await fixture.linux.mounts.list(fixture.dir);
  await fixture.runtime.startContainer(
    shell(fixture, 'sleep 1000', {
      id: 'second',
      mounts: [{ hostPath: fixture.dir, containerPath: '/d', readOnly: true }],
    }),
  );
  const targets = targetsOf(monitorOf('second'));
  assert.ok(targets.includes(path.join(bundleOf('second'), 'rootfs')));
  assert.ok(!targets.includes(path.join(bundleOf('first'), 'rootfs')));
  assert.ok(!targets.includes(other), 'a mount that is no ancestor of what a monitor needs');
  assert.ok(targets.includes(path.join(bundleOf('second'), 'sources/0/other')), 'it comes with a source of a mount');
  const crun = parseMountInfo(readText(`/proc/${monitorOf('second')}/mountinfo`)).find(({ target }) =>
    /\/crun$/.test(target),
  );
  assert.match(crun?.options ?? '', /^ro\b/, 'no container can write to what starts the next');
  const after = (await fixture.linux.mounts.list(fixture.dir)).map(({ target }) => target);
  assert.deepEqual(
    after.filter((target) => !before.some((mount) => mount.target === target)),
    [path.join(bundleOf('second'), 'rootfs')],
  );
  for (const id of ['first', 'second']) await fixture.runtime.removeContainer(id);
  await fixture.linux.mounts.unmount(other);
});

test('all threads of the process stay in the host’s mount namespace', async () => {
  await runToEnd(fixture, shell(fixture, 'true'));
  const home = readlinkSync('/proc/self/ns/mnt');
  for (const tid of readdirSync('/proc/self/task')) assert.equal(readlinkSync(`/proc/self/task/${tid}/ns/mnt`), home);
});

test('a source that is mounted after the first container started is found, with what is mounted in it', async () => {
  const source = await tmpfs('late');
  writeFileSync(path.join(source, 'outer'), '');
  const inner = await tmpfs('late/inner');
  writeFileSync(path.join(inner, 'deep'), '');
  writeFileSync(path.join(fixture.dir, 'file'), 'content\n');
  const { logPath } = await runToEnd(
    fixture,
    shell(fixture, 'ls /v /v/inner; cat /f', {
      mounts: [
        { hostPath: source, containerPath: '/v', readOnly: true },
        { hostPath: path.join(fixture.dir, 'file'), containerPath: '/f', readOnly: false },
      ],
    }),
  );
  assert.deepEqual(words(logPath), ['/v:', 'inner', 'outer', '', '/v/inner:', 'deep', 'content']);
  await fixture.linux.mounts.unmount(inner);
  await fixture.linux.mounts.unmount(source);
});

test('later mounts of the host reach a container that wants them, and no other', async () => {
  const source = await tmpfs('spreading', ['rshared']);
  mkdirSync(path.join(source, 'in'));
  const script = 'while [ ! -e /go/ahead ]; do sleep 0.01; done; ls /v/in';
  const start = (id: string, propagation: 'private' | 'hostToContainer') =>
    runToEnd(
      fixture,
      shell(fixture, script, {
        id,
        mounts: [
          { hostPath: source, containerPath: '/v', readOnly: false, propagation },
          { hostPath: fixture.dir, containerPath: '/go', readOnly: true },
        ],
      }),
    );
  const [wanting, other] = [start('wanting', 'hostToContainer'), start('other', 'private')];
  const started = (id: string) => existsSync(path.join(bundleOf(id), 'started.json'));
  await until('both have started', () => started('wanting') && started('other'));
  const later = await tmpfs('spreading/in');
  writeFileSync(path.join(later, 'mounted'), '');
  writeFileSync(path.join(fixture.dir, 'ahead'), '');
  assert.deepEqual(words((await wanting).logPath), ['mounted']);
  assert.equal(readFileSync((await other).logPath, 'utf8'), '');
  await fixture.linux.mounts.unmount(later);
  await fixture.linux.mounts.unmount(source);
});

test('a source that cannot be mounted is named as the host knows it', async () => {
  writeFileSync(path.join(fixture.dir, 'plain'), '');
  const spec = shell(fixture, 'true', {
    mounts: [{ hostPath: path.join(fixture.dir, 'plain'), containerPath: '/etc', readOnly: false }],
  });
  await assert.rejects(fixture.runtime.startContainer(spec), (error: Error) => {
    assert.ok(error.message.includes(path.join(fixture.dir, 'plain')), error.message);
    assert.doesNotMatch(error.message, /\/sources\//);
    return true;
  });
});
