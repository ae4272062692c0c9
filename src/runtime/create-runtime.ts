import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { UserError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Linux } from '../linux/linux.ts';
import { attach, reopenLog } from './attach.ts';
import { Containers } from './containers.ts';
import { type ExecOptions, exec, execStream } from './exec.ts';
import { OciRuntimes } from './oci-runtimes.ts';
import type {
  Container,
  ContainerResources,
  ContainerSpec,
  ContainerStats,
  ExecResult,
  ExecSpec,
  Images,
  Runtime,
  Sandbox,
  SandboxSpec,
  StreamSession,
} from './runtime.ts';
import { type RuntimePaths, runtimePaths } from './runtime-paths.ts';
import { Sandboxes } from './sandboxes.ts';
import { signalNumber } from './signals.ts';

export interface RuntimeOptions {
  linux: Linux;
  images: Images;
  /** Durable: writable layers and compiled filters. */
  stateDir: string;
  /** tmpfs: namespaces, sockets, pids and the monitors' state. */
  runDir: string;
  /** Where the logs of containers are written. @default runDir */
  logDir?: string;
  log: Logger;
  clock?: Clock;
  /** Cgroup for the monitors (made if absent), so that they do not share this process's fate. @default this process's */
  monitorCgroup?: string;
  /** Programs of OCI runtimes beside crun, by handler. */
  runtimes?: Record<string, string>;
}

/** The container runtime; call `open` before anything else. */
export function createRuntime(options: RuntimeOptions): Runtime {
  return new ContainerRuntime(options);
}

class ContainerRuntime implements Runtime {
  readonly images: Images;
  readonly #runtimes: OciRuntimes;
  readonly #linux: Linux;
  readonly #paths: RuntimePaths;
  readonly #sandboxes: Sandboxes;
  readonly #containers: Containers;
  readonly #exec: ExecOptions;
  readonly #monitorCgroup: string | undefined;

  constructor(options: RuntimeOptions) {
    const { linux, images, log, clock = systemClock, monitorCgroup } = options;
    this.images = images;
    this.#linux = linux;
    this.#monitorCgroup = monitorCgroup;
    this.#paths = runtimePaths(options.runDir, options.stateDir);
    const crun = findProgram('crun');
    this.#runtimes = new OciRuntimes(crun, options.runtimes);
    this.#sandboxes = new Sandboxes(linux, this.#paths, clock, crun);
    const parts = {
      linux,
      images,
      log,
      clock,
      conmon: findProgram('conmon'),
      runtimes: this.#runtimes,
      monitorCgroup,
      paths: this.#paths,
      logDir: options.logDir ?? options.runDir,
      sandboxes: this.#sandboxes,
    };
    this.#containers = new Containers(parts);
    this.#exec = { linux, containers: this.#containers, crunRoot: this.#paths.crun };
  }

  get handlers(): string[] {
    return this.#runtimes.handlers;
  }

  async open(): Promise<void> {
    const { sandboxes, containers, exits, crun, writable } = this.#paths;
    await this.#forgetOtherBoot();
    for (const dir of [sandboxes, containers, exits, crun, writable]) mkdirSync(dir, { recursive: true, mode: 0o711 });
    writeFileSync(this.#paths.bootId, bootId(this.#linux));
    if (this.#monitorCgroup !== undefined) await this.#linux.cgroups.create(this.#monitorCgroup);
    await this.#sandboxes.load();
    await this.#containers.load();
    for (const container of this.#containers.list()) {
      if (!this.#sandboxes.get(container.sandboxId)) await this.#containers.remove(container.id);
    }
  }

  async close(): Promise<void> {
    this.#containers.close();
  }

  createSandbox(spec: SandboxSpec): Promise<Sandbox> {
    return this.#sandboxes.create(spec);
  }

  sandboxes(): Sandbox[] {
    return this.#sandboxes.list();
  }

  async removeSandbox(id: string): Promise<void> {
    await Promise.all(this.#containers.idsOf(id).map((container) => this.removeContainer(container)));
    if (this.#sandboxes.get(id)) await this.#sandboxes.remove(id);
  }

  startContainer(spec: ContainerSpec): Promise<Container> {
    return this.#containers.start(spec);
  }

  containers(): Container[] {
    return this.#containers.list();
  }

  container(id: string): Container | undefined {
    return this.#containers.get(id);
  }

  async stopContainer(id: string, options: { signal?: string; graceMs: number }): Promise<void> {
    const container = this.#containers.get(id);
    if (!container || container.state === 'exited') return;
    const ended = this.#containers.ended(id);
    if (options.graceMs > 0) {
      this.#containers.kill(id, signalNumber(options.signal ?? this.#containers.stopSignal(id)));
      if (await settlesWithin(ended, options.graceMs)) return;
    }
    await this.#containers.killAll(id);
    await ended;
  }

  removeContainer(id: string): Promise<void> {
    return this.#containers.remove(id);
  }

  async updateContainer(id: string, resources: ContainerResources): Promise<void> {
    const container = this.#containers.get(id);
    if (container?.state !== 'running') throw new Error(`container "${id}" is not running`);
    // What cannot be changed while it runs is left as it is.
    const { hugepages: _pages, oomGroup: _group, ...limits } = resources;
    await this.#linux.cgroups.update(container.cgroup, limits);
  }

  exec(id: string, command: string[], options: { timeoutMs?: number } = {}): Promise<ExecResult> {
    return exec(this.#exec, id, command, options.timeoutMs);
  }

  execStream(id: string, spec: ExecSpec): Promise<StreamSession> {
    return execStream(this.#exec, id, spec);
  }

  async attach(id: string, options: { stdin: boolean; tty: boolean }): Promise<StreamSession> {
    if (this.#containers.get(id)?.state !== 'running') throw new Error(`container "${id}" is not running`);
    return attach(this.#linux, this.#containers.bundle(id), options);
  }

  async reopenLog(id: string): Promise<void> {
    if (this.#containers.get(id)?.state === 'running') reopenLog(this.#containers.bundle(id));
  }

  writableLayer(id: string): string | undefined {
    return this.#containers.get(id)?.state === 'running' ? path.join(this.#paths.writable, id, 'upper') : undefined;
  }

  async stats(id: string): Promise<ContainerStats | undefined> {
    const container = this.#containers.get(id);
    if (container?.state !== 'running') return undefined;
    const usage = await this.#linux.cgroups.usage(container.cgroup).catch(() => undefined);
    if (!usage) return undefined;
    const writableBytes = await directoryBytes(path.join(this.#paths.writable, id, 'upper'));
    const { cpuNanoseconds, memoryBytes, workingSetBytes, pids } = usage;
    return { atMs: Date.now(), cpuNanoseconds, memoryBytes, workingSetBytes, pids, writableBytes };
  }

  onExit(fn: (container: Container) => void): () => void {
    return this.#containers.onExit(fn);
  }

  /** After a reboot nothing runs, and pins, mounts and pids on disk mean nothing any more. */
  async #forgetOtherBoot(): Promise<void> {
    if (read(this.#paths.bootId) === bootId(this.#linux)) return;
    const { sandboxes, containers, exits, crun, writable } = this.#paths;
    for (const dir of [sandboxes, containers, exits, crun, writable]) await rm(dir, { recursive: true, force: true });
  }
}

const bootId = (linux: Linux): string => linux.sysctl.get('kernel.random.boot_id')?.trim() ?? '';

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function findProgram(name: string): string {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/bin', '/usr/sbin', '/usr/local/bin'];
  for (const directory of directories) {
    const file = path.join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // the next directory
    }
  }
  throw new UserError(`${name} is not installed`, { hint: 'apt install crun conmon' });
}

async function settlesWithin(promise: Promise<void>, ms: number): Promise<boolean> {
  const { promise: timeout, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  const settled = await Promise.race([promise.then(() => true), timeout]);
  clearTimeout(timer);
  return settled;
}

async function directoryBytes(dir: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(dir, { withFileTypes: true, recursive: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    const stats = await lstat(path.join(entry.parentPath, entry.name)).catch(() => undefined);
    sum += (stats?.blocks ?? 0) * 512;
  }
  return sum;
}
