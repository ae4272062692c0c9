import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { root, run, vitrine } from './fixture/run.ts';

const name = `ct-${process.pid}-pre`;
after(async () => {
  await vitrine(['delete', '--name', name]);
  for (const place of ['/var/lib/vitrine', '/run/vitrine', '/var/log/vitrine'])
    assert.equal(fs.existsSync(`${place}/${name}`), false, place);
});

/** Hides files from a command: each is covered in a mount namespace of its own. */
function without(files: string[], ...command: string[]) {
  const cover = files.map((file) => `mount --bind /dev/null ${file}`).join(' && ');
  return run('unshare', ['--mount', 'sh', '-c', `${cover} && exec "$@"`, 'sh', ...command]);
}

const isOneLine = (text: string) => assert.match(text, /^[^\n]+\n$/);

describe('a host that cannot run a node gets one clear line', () => {
  const up = [path.join(root, 'vitrine'), 'up', '--no-kubeconfig', '--name', name];

  test('no root', async (context) => {
    const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const readable = await run('setpriv', [...asNobody, 'test', '-r', path.join(root, 'dist/current/main.js')]);
    if (readable.code !== 0) return context.skip('nobody may not read this checkout');
    const outcome = await run('setpriv', [...asNobody, ...up], {
      env: { NODE_COMPILE_CACHE: '/nonexistent', HOME: '/nonexistent' },
    });
    assert.deepEqual(
      [outcome.code, outcome.stderr],
      [
        1,
        'vitrine up: not root: a node makes network links, nftables rules and cgroups of the host (run it with sudo; rootless clusters are not supported)\n',
      ],
    );
  });

  for (const [program, hint] of [
    ['crun', 'apt-get install crun'],
    ['conmon', 'apt-get install conmon'],
  ] as const)
    test(`${program} is missing`, async () => {
      const which = (await run('sh', ['-c', `command -v ${program}`])).stdout.trim();
      const outcome = await without([which], ...up);
      assert.deepEqual(
        [outcome.code, outcome.stderr],
        [1, `vitrine up: ${program} not found (install it with: ${hint})\n`],
      );
      for (const dir of [`/run/vitrine/${name}`, `/var/lib/vitrine/${name}`])
        assert.equal(fs.existsSync(dir), false, 'nothing stays behind');
    });

  test('the port is taken', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as net.AddressInfo;
    const outcome = await run(up[0] as string, [...up.slice(1), '--api-port', String(port)]);
    server.close();
    assert.deepEqual(
      [outcome.code, outcome.stderr],
      [1, `vitrine up: port 127.0.0.1:${port} is taken by another program (choose another with --api-port)\n`],
    );
  });

  test('no cgroup file system', async () => {
    const outcome = await run('unshare', [
      '--mount',
      'sh',
      '-c',
      'umount -R -l /sys/fs/cgroup && exec "$@"',
      'sh',
      ...up,
    ]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /^vitrine up: unusable cgroup layout: /);
    isOneLine(outcome.stderr);
  });

  test('no such cluster', async () => {
    for (const command of ['down', 'kubeconfig', 'tree', 'ps']) {
      const outcome = await vitrine([command, '--name', `${name}-absent`]);
      assert.equal(outcome.code, 1, command);
      assert.match(outcome.stderr, /there is no cluster "/);
      isOneLine(outcome.stderr);
    }
  });
});

test('wrong usage exits with 2 and points to the help', async () => {
  for (const command of [
    'nonsense',
    'up --nonsense',
    'up --api-port x',
    'image',
    'image build',
    'image pull',
    'up --name Not_A_Name',
    'ps --sort=nonsense',
    'apply',
  ]) {
    const outcome = await vitrine(command);
    assert.equal(outcome.code, 2, `${command}: ${outcome.stdout}${outcome.stderr}`);
    assert.match(outcome.stderr, /see 'vitrine/, command);
    assert.equal(outcome.stdout, '', command);
  }
});

test('help is there for every command', async () => {
  const overview = await vitrine('--help');
  assert.equal(overview.code, 0);
  const commands = [...overview.stdout.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1] as string);
  assert.ok(commands.length >= 10);
  for (const command of commands) {
    const outcome = await vitrine([command, '--help']);
    assert.equal(outcome.code, 0, command);
    assert.match(outcome.stdout, /\S/, command);
  }
});
