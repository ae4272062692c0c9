import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import type { Linux } from '../../src/linux/linux.ts';
import { openLinux } from '../../src/linux/open.ts';
import { createRuntime } from '../../src/runtime/create-runtime.ts';
import { openImages } from '../../src/runtime/images/images.ts';
import type { Container, ContainerSpec, Runtime } from '../../src/runtime/runtime.ts';
import { writeTinyImage } from './tiny-image.ts';

export interface Fixture {
  dir: string;
  cgroup: string;
  linux: Linux;
  runtime: Runtime;
  imageId: string;
}

export const log = createLogger('test', { level: 'warn' });

/** A runtime on directories of its own, with one sandbox 'box' and one tiny image. */
export async function openFixture(dir?: string): Promise<Fixture> {
  const root = dir ?? mkdtempSync('/run/vitrine-test-');
  const cgroup = `/${path.basename(root)}`;
  const linux = await openLinux({ log });
  await linux.cgroups.create(`${cgroup}/pod`);
  const images = await openImages({ dir: path.join(root, 'images'), linux, log });
  if (!dir) {
    await writeTinyImage(path.join(root, 'tiny.tar'));
    await images.load(path.join(root, 'tiny.tar'));
  }
  const paths = { stateDir: path.join(root, 'state'), runDir: path.join(root, 'run') };
  const runtime = createRuntime({
    linux,
    images,
    ...paths,
    log,
    clock: systemClock,
    monitorCgroup: `${cgroup}/monitors`,
  });
  await runtime.open();
  mkdirSync(path.join(root, 'logs'), { recursive: true });
  if (!dir) {
    await runtime.createSandbox({ id: 'box', labels: {}, hostname: 'box', cgroup: `${cgroup}/pod` });
  }
  const image = await images.resolve('tiny');
  return { dir: root, cgroup, linux, runtime, imageId: image?.id ?? '' };
}

export async function closeFixture({ dir, cgroup, linux, runtime }: Fixture): Promise<void> {
  for (const sandbox of runtime.sandboxes()) await runtime.removeSandbox(sandbox.spec.id);
  await runtime.close();
  await linux.cgroups.remove(cgroup);
  await linux.cgroups.release();
  await linux.close();
  rmSync(dir, { recursive: true });
}

let count = 0;

/** A container that runs a shell script. */
export function shell(fixture: Fixture, script: string, more: Partial<ContainerSpec> = {}): ContainerSpec {
  const id = more.id ?? `c${++count}-${process.pid}`;
  return {
    id,
    sandboxId: 'box',
    labels: {},
    imageId: fixture.imageId,
    command: ['sh', '-c', script],
    env: [],
    mounts: [],
    resources: {},
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
    logPath: path.join(fixture.dir, 'logs', `${id}.log`),
    ...more,
  };
}

/** Starts a container and waits for its end. */
export async function runToEnd(fixture: Fixture, spec: ContainerSpec): Promise<Container> {
  const end = new Promise<Container>((resolve) => {
    const remove = fixture.runtime.onExit((container) => {
      if (container.id !== spec.id) return;
      remove();
      resolve(container);
    });
  });
  await fixture.runtime.startContainer(spec);
  return end;
}
