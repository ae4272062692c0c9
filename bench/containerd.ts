import { spawn } from 'node:child_process';
import { existsSync, globSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Images } from '../src/runtime/runtime.ts';
import { measureAtOnce, quiet } from './at-once.ts';

/**
 * The same measurement for containerd: a daemon of our own (root, state and socket in `dir`), the same image, `ctr run -d`.
 * Undefined where it is not installed (Debian: containerd).
 */
export async function measureContainerd(
  images: Images,
  options: { count: number; atOnce: number; dir: string; image?: string; command?: string[] },
): Promise<number | undefined> {
  const { count, atOnce, image = 'httpd:latest', command = [] } = options;
  const binary = [...(process.env.PATH ?? '').split(':'), '/usr/bin', '/usr/sbin']
    .map((place) => path.join(place, 'containerd'))
    .find(existsSync);
  if (!binary) return undefined;
  const own = path.join(options.dir, 'containerd');
  mkdirSync(own, { recursive: true });
  const socket = path.join(own, 'sock');
  const configFile = path.join(own, 'config.toml');
  writeFileSync(
    configFile,
    [
      'version = 2',
      `root = "${own}/root"`,
      `state = "${own}/state"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      `[grpc]\naddress = "${socket}"`,
    ].join('\n'),
  );
  // It names the cgroup of the containers, too, which ctr leaves behind.
  const namespace = `vitrine-bench-${process.pid}`;
  const daemon = spawn(binary, ['--config', configFile], { stdio: 'ignore' });
  try {
    for (let i = 0; i < 200 && !existsSync(socket); i++) await delay(50);
    await delay(300);
    const archive = path.join(own, 'image.tar');
    await images.save(image, archive);
    const ctr = ['ctr', '--address', socket, '--namespace', namespace];
    await quiet([...ctr, 'images', 'import', archive]);
    try {
      return await measureAtOnce(count, atOnce, (index) =>
        quiet([...ctr, 'run', '-d', `docker.io/library/${image}`, `c${index}`, ...command]),
      );
    } finally {
      await measureAtOnce(count, atOnce, async (index) => {
        await quiet([...ctr, 'task', 'rm', '-f', `c${index}`]).catch(() => {});
        await quiet([...ctr, 'container', 'rm', `c${index}`]).catch(() => {});
      });
    }
  } finally {
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await ended;
    for (const cgroup of globSync(`/sys/fs/cgroup/{,*/}${namespace}`)) rmdirSync(cgroup);
  }
}
