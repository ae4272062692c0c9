import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from '../base/log.ts';
import { namespaceFile } from '../linux/proc.ts';
import { type Bundle, BundleWriter } from './bundle-writer.ts';
import { monitorFiles } from './conmon.ts';
import {
  ContainerState,
  type CreatedState,
  type FinishedState,
  readExitFile,
  type StartedState,
  toContainer,
} from './container-state.ts';
import { readJsonFile } from './json-file.ts';
import { Launcher, type LauncherOptions } from './launcher.ts';
import type { OciRuntimes } from './oci-runtimes.ts';
import type { OciProcess, OciSpec } from './oci-spec.ts';
import { endUnclaimedProcesses, removeUnclaimedState } from './orphans.ts';
import { mountRootfs, unmountRootfs } from './rootfs.ts';
import { type Container, ContainerError, type ContainerSpec, type Images } from './runtime.ts';
import type { Sandboxes } from './sandboxes.ts';

/** A container that this process knows: its states so far, and what waits for its end. */
interface Entry {
  files: ContainerState;
  created: CreatedState;
  started?: StartedState;
  finished?: FinishedState;
  /** Resolves once the container has exited and its mounts and cgroup are gone. */
  ended: Promise<void>;
  end(): void;
  /** Stops watching; set while the container runs. */
  unwatch?: () => void;
}

export interface ContainersOptions extends LauncherOptions {
  images: Images;
  sandboxes: Sandboxes;
  runtimes: OciRuntimes;
  monitorCgroup: string | undefined;
  log: Logger;
}

const finishRetryMs = 1000;

/** The life of containers: create, start, notice the end, clean up, remove; and finding them again after our own death. */
export class Containers {
  readonly #options: ContainersOptions;
  readonly #bundles: BundleWriter;
  readonly #launcher: Launcher;
  /** All containers that have state on disk. */
  readonly #entries = new Map<string, Entry>();
  /** Nothing is tried again any more. */
  #closed = false;
  readonly #exitListeners = new Set<(container: Container) => void>();

  constructor(options: ContainersOptions) {
    this.#options = options;
    this.#bundles = new BundleWriter(options);
    this.#launcher = new Launcher(options);
  }

  list(): Container[] {
    return [...this.#entries.values()].map(view);
  }

  /** Those of a sandbox. */
  idsOf(sandboxId: string): string[] {
    return [...this.#entries].flatMap(([id, { created }]) => (created.spec.sandboxId === sandboxId ? [id] : []));
  }

  get(id: string): Container | undefined {
    const entry = this.#entries.get(id);
    return entry && view(entry);
  }

  spec(id: string): ContainerSpec | undefined {
    return this.#entries.get(id)?.created.spec;
  }

  stopSignal(id: string): string {
    return this.#entries.get(id)?.created.stopSignal ?? 'SIGTERM';
  }

  bundle(id: string): string {
    return path.join(this.#options.paths.containers, id);
  }

  /** The OCI runtime of a container. */
  program(id: string): string {
    const { runtimes, sandboxes } = this.#options;
    const sandboxId = this.#entries.get(id)?.created.spec.sandboxId;
    return runtimes.program(sandboxId === undefined ? '' : sandboxes.get(sandboxId)?.spec.handler);
  }

  /** The process part of a container's spec, for exec. */
  process(id: string): OciProcess {
    return (JSON.parse(readFileSync(path.join(this.bundle(id), 'config.json'), 'utf8')) as OciSpec).process;
  }

  onExit(fn: (container: Container) => void): () => void {
    this.#exitListeners.add(fn);
    return () => void this.#exitListeners.delete(fn);
  }

  ended(id: string): Promise<void> {
    return this.#entries.get(id)?.ended ?? Promise.resolve();
  }

  /**
   * Makes and starts a container:
   * 1. look up image and sandbox;  2. note it on disk;  3. mount the root;  4. write the spec;
   * 5. conmon and crun create it;  6. watch it;  7. let it run.
   */
  async start(spec: ContainerSpec): Promise<Container> {
    const { images, sandboxes, paths, linux, clock } = this.#options;
    const image = await images.resolve(spec.imageId);
    if (!image) throw new ContainerError('CreateContainerError', `image "${spec.imageId}" is not in the store`);
    const sandbox = sandboxes.get(spec.sandboxId);
    if (!sandbox) throw new ContainerError('CreateContainerError', `sandbox "${spec.sandboxId}" not found`);
    if (this.#entries.has(spec.id))
      throw new ContainerError('CreateContainerError', `container "${spec.id}" already exists`);
    const files = new ContainerState(this.bundle(spec.id));
    const created: CreatedState = {
      spec,
      imageName: image.names[0] ?? image.digests[0] ?? image.id,
      cgroup: `${sandbox.spec.cgroup}/${spec.id}`,
      createdAtMs: clock.now(),
      stopSignal: spec.stopSignal ?? image.config.StopSignal ?? 'SIGTERM',
    };
    const entry = newEntry(files, created);
    this.#entries.set(spec.id, entry);
    try {
      mkdirSync(files.dir);
      files.writeCreated(created);
      const rootfs = path.join(files.dir, 'rootfs');
      const layers = await sandboxes.layers(sandbox, image.layers);
      const owner = sandbox.spec.userNamespace?.hostId;
      const writable = path.join(paths.writable, spec.id);
      await mountRootfs(linux, { rootfs, layers, writable, ...(owner !== undefined && { owner }) });
      const pids = spec.pidsOf === undefined ? undefined : this.#pidNamespace(spec.pidsOf);
      const bundle = await this.#bundles.write(files.dir, created.cgroup, spec, image, sandbox, pids);
      await this.#run(entry, bundle);
    } catch (error) {
      await this.#discard(spec.id);
      throw asContainerError(error);
    }
    return view(entry);
  }

  /** Removes an exited container's traces; one that still runs is killed first. Absent is no error. */
  async remove(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (!entry) return;
    if (!entry.finished) {
      this.kill(id, 'SIGKILL');
      await entry.ended;
    }
    await this.#discard(id);
  }

  /** Signals the first process; its identity is checked, so that a reused pid is never hit. */
  kill(id: string, signal: number | string): void {
    const entry = this.#entries.get(id);
    const { processes } = this.#options.linux;
    if (!entry?.started || entry.finished) return;
    if (processes.startTime(entry.started.pid) === entry.started.pidStart) processes.kill(entry.started.pid, signal);
  }

  /** SIGKILL for every process of the container: with a shared PID namespace its first process is not all. */
  async killAll(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (!entry || entry.finished) return;
    this.kill(id, 'SIGKILL');
    const pids = await this.#options.linux.cgroups.processes(entry.created.cgroup).catch(() => []);
    for (const pid of pids) this.#options.linux.processes.kill(pid, 'SIGKILL');
  }

  /** Finds the containers of an earlier process: watches what runs, reads the exit of what ended, discards the half-made. */
  async load(): Promise<void> {
    const { linux, paths, sandboxes } = this.#options;
    const claims = {
      container: (id: string) => {
        const files = new ContainerState(this.bundle(id));
        return files.readCreated() !== undefined && files.readStarted() !== undefined;
      },
      sandbox: (id: string) => sandboxes.get(id) !== undefined,
    };
    endUnclaimedProcesses(linux, paths, claims);
    for (const id of readdirSync(paths.containers)) {
      const files = new ContainerState(this.bundle(id));
      const created = files.readCreated();
      const started = files.readStarted();
      if (!created || !started) {
        await this.#discard(id, created);
        continue;
      }
      const entry = newEntry(files, created);
      this.#entries.set(id, entry);
      entry.started = started;
      const finished = files.readFinished();
      if (finished) {
        await this.#removeLeftTraces(entry);
        this.#setFinished(entry, finished);
        continue;
      }
      if (!this.#isMonitored(started)) {
        await this.#finish(entry).catch(() => void this.#finishSometime(entry));
        continue;
      }
      this.#watch(entry);
      if (this.#launcher.waits(id)) void this.#launcher.release(id, this.program(id)).catch(() => {});
    }
    await removeUnclaimedState(linux, paths, { ...claims, container: (id) => this.#entries.has(id) });
  }

  close(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) entry.unwatch?.();
  }

  /** The PID namespace of a running container. */
  #pidNamespace(id: string): string {
    const entry = this.#entries.get(id);
    if (!entry?.started || entry.finished)
      throw new ContainerError('CreateContainerError', `target container "${id}" does not run`);
    return namespaceFile(entry.started.pid, 'pid');
  }

  async #run(entry: Entry, bundle: Bundle): Promise<void> {
    const { linux, monitorCgroup } = this.#options;
    const { files, created } = entry;
    const { id } = created.spec;
    entry.started = await this.#launcher.create(created.spec, files.dir, this.program(id), bundle);
    files.writeStarted(entry.started);
    this.#watch(entry);
    await this.#launcher.release(id, this.program(id));
    // Not waited for: it takes time, and all that matters is that the monitor leaves our cgroup before we might be killed.
    if (monitorCgroup !== undefined) linux.cgroups.enter(monitorCgroup, entry.started.monitorPid).catch(() => {});
  }

  /** The monitor ends after it wrote the exit file, so its end is the signal. */
  #watch(entry: Entry): void {
    const { linux } = this.#options;
    entry.unwatch = linux.processes.onExit((entry.started as StartedState).monitorPid, () => {
      void this.#finishSometime(entry);
    });
  }

  /** Until it has worked: a full disk has room again some time, and nobody may think for ever that the container runs. */
  async #finishSometime(entry: Entry): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#closed) {
      try {
        return await this.#finish(entry);
      } catch (error) {
        log.warn('cannot clean up after a container yet', { container: entry.created.spec.id, error });
        await new Promise<void>((resolve) => void clock.after(finishRetryMs, resolve));
      }
    }
  }

  /** Whether the monitor of then still lives; a reused pid has another start time. */
  #isMonitored({ monitorPid, monitorStart }: StartedState): boolean {
    return monitorStart !== undefined && this.#options.linux.processes.startTime(monitorPid) === monitorStart;
  }

  async #finish(entry: Entry): Promise<void> {
    const { paths, clock } = this.#options;
    const { spec } = entry.created;
    let exit = readExitFile(path.join(paths.exits, spec.id));
    if (!exit) {
      // The monitor itself was killed: nobody reads the container's output any more, nor will learn its exit code.
      this.kill(spec.id, 'SIGKILL');
      exit = { exitCode: 137, finishedAtMs: clock.now() };
    }
    // The file's time comes from a coarser clock than ours.
    exit.finishedAtMs = Math.max(exit.finishedAtMs, entry.started?.startedAtMs ?? 0);
    const oomKilled = exit.exitCode === 137 && (await this.#sawOom(entry));
    entry.files.writeFinished({ ...exit, oomKilled });
    await this.#removeTraces(entry);
    this.#setFinished(entry, { ...exit, oomKilled });
    const container = view(entry);
    for (const listener of this.#exitListeners) listener(container);
  }

  async #removeTraces({ created, files }: Entry): Promise<void> {
    const { linux, paths } = this.#options;
    const { id } = created.spec;
    await linux.cgroups.remove(created.cgroup);
    await unmountRootfs(linux, path.join(files.dir, 'rootfs'), path.join(paths.writable, id));
    await this.#deleteFromCrun(id);
  }

  /** We died when its end was noted, and its traces were not gone yet; what resists now goes with the container. */
  async #removeLeftTraces(entry: Entry): Promise<void> {
    const { paths, log } = this.#options;
    const { id } = entry.created.spec;
    if (![paths.writable, paths.crun].some((dir) => existsSync(path.join(dir, id)))) return;
    await this.#removeTraces(entry).catch((error) =>
      log.warn('cannot clean up after a container', { container: id, error }),
    );
  }

  /** conmon notes any OOM kill, also of a child only; the exit code says whether the first process died of it. */
  async #sawOom(entry: Entry): Promise<boolean> {
    if (existsSync(path.join(entry.files.dir, monitorFiles.oom))) return true;
    const usage = await this.#options.linux.cgroups.usage(entry.created.cgroup).catch(() => undefined);
    return (usage?.oomKills ?? 0) > 0;
  }

  #setFinished(entry: Entry, finished: FinishedState): void {
    entry.finished = finished;
    delete entry.unwatch;
    entry.end();
  }

  /** crun's own record is one directory: removing it takes 0.1 ms, `crun delete` 5 ms. */
  async #deleteFromCrun(id: string): Promise<void> {
    const { linux, paths } = this.#options;
    try {
      rmSync(path.join(paths.crun, id), { recursive: true, force: true });
    } catch {
      await linux.processes.run([this.program(id), '--root', paths.crun, 'delete', '--force', id]);
    }
  }

  /** Where crun was to put a container. */
  #configuredCgroup(id: string): string | undefined {
    const config = readJsonFile<OciSpec>(path.join(this.bundle(id), 'config.json'));
    return config?.linux.cgroupsPath as string | undefined;
  }

  async #discard(id: string, created = this.#entries.get(id)?.created): Promise<void> {
    const { linux, paths } = this.#options;
    const entry = this.#entries.get(id);
    entry?.unwatch?.();
    const dir = this.bundle(id);
    const cgroup = created?.cgroup ?? this.#configuredCgroup(id);
    if (!entry?.finished && cgroup) await linux.cgroups.remove(cgroup);
    // The writable layer goes last of what `#finish` removes; of what we don't know anything may be there.
    const writable = path.join(paths.writable, id);
    if (!entry || existsSync(writable)) await unmountRootfs(linux, path.join(dir, 'rootfs'), writable);
    await this.#deleteFromCrun(id);
    // Synchronous, as on tmpfs: Node's own recursion makes a dozen trips through its thread pool.
    rmSync(path.join(paths.exits, id), { force: true });
    rmSync(dir, { recursive: true, force: true });
    this.#entries.delete(id);
    entry?.end();
  }
}

function newEntry(files: ContainerState, created: CreatedState): Entry {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { files, created, ended: promise, end: resolve };
}

const view = (entry: Entry): Container => toContainer(entry.created, entry.started, entry.finished);

function asContainerError(error: unknown): ContainerError {
  if (error instanceof ContainerError) return error;
  return new ContainerError('CreateContainerError', (error as Error).message, error);
}
