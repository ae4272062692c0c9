/**
 * Starting 100 containers, 8 at a time, as ratios in one run: Vitrine's runtime (conmon, namespaces, cgroup, overlay,
 * seccomp, logs) to the floor (bare `crun run` of the same bundles) and to containerd's `ctr run -d` where it is installed.
 * Needs root, crun, conmon and apt (for the image). Usage: node bench/container-start.ts [count]
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '../src/base/log.ts';
import type { Linux } from '../src/linux/linux.ts';
import { openLinux } from '../src/linux/open.ts';
import { createRuntime } from '../src/runtime/create-runtime.ts';
import { openImages } from '../src/runtime/images/images.ts';
import { httpdRecipe } from '../src/runtime/images/recipes/httpd.ts';
import type { ContainerSpec, Images } from '../src/runtime/runtime.ts';

const count = Number(process.argv[2] ?? 100);
const parallel = 8;
const log = createLogger('bench', { level: 'warn' });
const dir = mkdtempSync('/run/vitrine-bench-');
const cgroup = `/${path.basename(dir)}`;

async function eachOf(run: (index: number) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return performance.now() - start;
}

function containerSpec(index: number, imageId: string): ContainerSpec {
  return {
    id: `bench-${index}`,
    sandboxId: `box-${index}`,
    labels: {},
    imageId,
    env: [],
    mounts: [],
    resources: { cpuShares: 2 },
    security: {
      privileged: false,
      supplementalGroups: [],
      capabilities: { add: [], drop: [] },
      noNewPrivileges: false,
      readOnlyRoot: false,
      seccomp: { type: 'RuntimeDefault' },
    },
    tty: false,
    stdin: false,
    stdinOnce: false,
    logPath: path.join(dir, 'logs', `${index}.log`),
  };
}

/** Starts and stops; returns both times and a bundle's spec for the floor to use. */
async function vitrine(linux: Linux, images: Images, imageId: string) {
  const runtime = createRuntime({
    linux,
    images,
    log,
    stateDir: path.join(dir, 'state'),
    runDir: path.join(dir, 'run'),
    monitorCgroup: `${cgroup}/monitors`,
  });
  await runtime.open();
  const cpu = process.cpuUsage();
  const startMs = await eachOf(async (index) => {
    const box = { id: `box-${index}`, labels: {}, hostname: `box-${index}`, cgroup: `${cgroup}/pod-${index}` };
    await linux.cgroups.create(box.cgroup);
    await runtime.createSandbox(box);
    await runtime.startContainer(containerSpec(index, imageId));
  });
  const { user, system } = process.cpuUsage(cpu);
  const config = readFileSync(path.join(dir, 'run/containers/bench-0/config.json'), 'utf8');
  const stopMs = await eachOf((index) => runtime.removeSandbox(`box-${index}`));
  await runtime.close();
  return { startMs, stopMs, config, nodeCpuMs: (user + system) / 1000 / count };
}

/** The floor: crun alone, detached, without a monitor, logs or shared namespaces, on the same layers. */
async function bareCrun(linux: Linux, config: string, layers: string[]): Promise<number> {
  const root = path.join(dir, 'crun');
  const bundles = path.join(dir, 'bundles');
  const spec = JSON.parse(config) as {
    process: { terminal: boolean };
    mounts: { destination: string }[];
    linux: { namespaces: { type: string; path?: string }[]; cgroupsPath: string };
  };
  spec.mounts = spec.mounts.filter((mount) => mount.destination !== '/dev/shm');
  spec.linux.namespaces = spec.linux.namespaces.map(({ type }) => ({ type }));
  for (let index = 0; index < count; index++) {
    const bundle = path.join(bundles, String(index));
    for (const name of ['rootfs', 'upper', 'work']) mkdirSync(path.join(bundle, name), { recursive: true });
    const target = path.join(bundle, 'rootfs');
    await linux.mounts.overlay({
      target,
      lower: layers,
      upper: path.join(bundle, 'upper'),
      work: path.join(bundle, 'work'),
    });
    writeFileSync(
      path.join(bundle, 'config.json'),
      JSON.stringify({ ...spec, linux: { ...spec.linux, cgroupsPath: `${cgroup}/floor-${index}` } }),
    );
  }
  const ms = await eachOf((index) =>
    quiet(['crun', '--root', root, 'run', '-d', '-b', path.join(bundles, String(index)), `floor-${index}`]),
  );
  await eachOf((index) => quiet(['crun', '--root', root, 'delete', '-f', `floor-${index}`]));
  for (let index = 0; index < count; index++) await linux.mounts.unmount(path.join(bundles, String(index), 'rootfs'));
  return ms;
}

/** containerd with root, state and socket of its own. */
async function containerd(images: Images): Promise<number | undefined> {
  const binary = (process.env.PATH ?? '')
    .split(':')
    .map((place) => path.join(place, 'containerd'))
    .find(existsSync);
  if (!binary) return undefined;
  const own = path.join(dir, 'containerd');
  mkdirSync(own, { recursive: true });
  const socket = path.join(own, 'sock');
  const configFile = path.join(own, 'config.toml');
  writeFileSync(
    configFile,
    `version = 2\nroot = "${own}/root"\nstate = "${own}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${socket}"\n`,
  );
  const daemon = spawn(binary, ['--config', configFile], { stdio: 'ignore' });
  try {
    for (let i = 0; i < 200 && !existsSync(socket); i++) await delay(50);
    await delay(300);
    const archive = path.join(dir, 'image.tar');
    await images.save('httpd', archive);
    const ctr = ['ctr', '--address', socket];
    await quiet([...ctr, 'images', 'import', archive]);
    const ms = await eachOf((index) => quiet([...ctr, 'run', '-d', 'docker.io/library/httpd:latest', `c${index}`]));
    await eachOf((index) => quiet([...ctr, 'task', 'rm', '-f', `c${index}`]));
    await eachOf((index) => quiet([...ctr, 'container', 'rm', `c${index}`]));
    return ms;
  } finally {
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await ended;
  }
}

function quiet(command: string[]): Promise<void> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command.join(' ')}: exit code ${code}`)),
    );
  });
}

const linux = await openLinux({ log });
try {
  mkdirSync(path.join(dir, 'logs'));
  const images = await openImages({ dir: path.join(dir, 'images'), linux, log });
  if (process.env.BENCH_IMAGES) cpSync(process.env.BENCH_IMAGES, path.join(dir, 'images'), { recursive: true });
  const image = (await images.resolve('httpd')) ?? (await images.build(httpdRecipe));
  await linux.cgroups.create(cgroup);
  const ours = await vitrine(linux, images, image.id);
  const floor = await bareCrun(linux, ours.config, image.layers);
  const theirs = await containerd(images);
  const each = (ms: number) => `${ms.toFixed(0)} ms (${(ms / count).toFixed(1)} ms each)`;
  console.log(`${count} containers of httpd, ${parallel} at a time`);
  console.log(
    `vitrine     ${each(ours.startMs)}, ${ours.nodeCpuMs.toFixed(1)} ms of CPU each in Node; removed in ${each(ours.stopMs)}`,
  );
  console.log(`crun alone  ${each(floor)}: vitrine takes ${(ours.startMs / floor).toFixed(2)} x the floor`);
  if (theirs === undefined) console.log('containerd  not installed (apt install containerd)');
  else console.log(`containerd  ${each(theirs)}: vitrine takes ${(ours.startMs / theirs).toFixed(2)} x as long`);
} finally {
  await linux.cgroups.remove(cgroup);
  await linux.cgroups.release();
  await linux.close();
  rmSync(dir, { recursive: true, force: true });
}
