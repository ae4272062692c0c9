/**
 * Starting 100 containers, 8 at a time, as ratios in one run: Vitrine's runtime (conmon, namespaces, cgroup, overlay,
 * seccomp, logs) to the floor (bare `crun run` of the same bundles) and to containerd's `ctr run -d` where it is installed.
 * Needs root, crun, conmon and apt (for the image). Usage: node bench/container-start.ts [count]
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createLogger } from '../src/base/log.ts';
import type { Linux } from '../src/linux/linux.ts';
import { openLinux } from '../src/linux/open.ts';
import { createRuntime } from '../src/runtime/create-runtime.ts';
import { openImages } from '../src/runtime/images/images.ts';
import { httpdRecipe } from '../src/runtime/images/recipes/httpd.ts';
import type { ContainerSpec, Images } from '../src/runtime/runtime.ts';
import { measureAtOnce } from './at-once.ts';
import { measureContainerd } from './containerd.ts';
import { crunFloor } from './crun-floor.ts';

const count = Number(process.argv[2] ?? 100);
const parallel = 8;
const log = createLogger('bench', { level: 'warn' });
const dir = mkdtempSync('/run/vitrine-bench-');
const cgroup = `/${path.basename(dir)}`;

const eachOf = (run: (index: number) => Promise<unknown>) => measureAtOnce(count, parallel, run);

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

const linux = await openLinux({ log });
try {
  mkdirSync(path.join(dir, 'logs'));
  const images = await openImages({ dir: path.join(dir, 'images'), linux, log });
  if (process.env.BENCH_IMAGES) cpSync(process.env.BENCH_IMAGES, path.join(dir, 'images'), { recursive: true });
  const image = (await images.resolve('httpd')) ?? (await images.build(httpdRecipe));
  await linux.cgroups.create(cgroup);
  const ours = await vitrine(linux, images, image.id);
  const same = { count, atOnce: parallel, dir };
  const floor = await crunFloor({ ...same, linux, config: ours.config, layers: image.layers, cgroup });
  const theirs = await measureContainerd(images, same);
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
