import { PassThrough } from 'node:stream';
import {
  type Container,
  ContainerError,
  type ContainerSpec,
  type ContainerStats,
  type ExecResult,
  type ImageCheck,
  ImageError,
  type ImageInfo,
  type Images,
  type Runtime,
  type Sandbox,
  type SandboxSpec,
  type StreamSession,
} from '../runtime/runtime.ts';

/** A runtime without processes, for tests: containers run until they are told to exit. */
export class FakeRuntime implements Runtime {
  readonly images = new FakeImages();
  readonly handlers = [''];
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #containers = new Map<string, Container>();
  readonly #listeners = new Set<(container: Container) => void>();
  /** The spec of each container that was started, in order. */
  readonly started: ContainerSpec[] = [];
  /** Container names that exit at once, with this code. */
  readonly exitsAtOnce = new Map<string, number>();
  /** Container names whose start fails. */
  readonly startErrors = new Map<string, ContainerError>();
  /** What exec answers. */
  execResult: ExecResult = { exitCode: 0, stdout: '', stderr: '', timedOut: false };
  /** Milliseconds as this runtime sees them. */
  now: () => number = () => Date.now();

  async open(): Promise<void> {}
  async close(): Promise<void> {}

  async createSandbox(spec: SandboxSpec): Promise<Sandbox> {
    const namespaces = spec.host?.net ? {} : { net: `/fake/${spec.id}/net` };
    const sandbox: Sandbox = { spec, namespaces, createdAtMs: this.now() };
    this.#sandboxes.set(spec.id, sandbox);
    return sandbox;
  }

  sandboxes(): Sandbox[] {
    return [...this.#sandboxes.values()];
  }

  async removeSandbox(id: string): Promise<void> {
    this.#sandboxes.delete(id);
    for (const container of this.containers()) if (container.sandboxId === id) this.#containers.delete(container.id);
  }

  async startContainer(spec: ContainerSpec): Promise<Container> {
    const name = spec.labels['io.kubernetes.container.name'] ?? '';
    const error = this.startErrors.get(name);
    if (error) throw error;
    if (!this.#sandboxes.has(spec.sandboxId))
      throw new ContainerError('CreateContainerError', `no sandbox ${spec.sandboxId}`);
    this.started.push(spec);
    const container: Container = {
      id: spec.id,
      sandboxId: spec.sandboxId,
      labels: spec.labels,
      image: { id: spec.imageId, name: this.images.nameOf(spec.imageId) },
      state: 'running',
      pid: 1000 + this.started.length,
      createdAtMs: this.now(),
      startedAtMs: this.now(),
      oomKilled: false,
      logPath: spec.logPath,
      stopSignal: spec.stopSignal ?? 'SIGTERM',
      cgroup: '',
    };
    this.#containers.set(spec.id, container);
    const code = this.exitsAtOnce.get(name);
    if (code !== undefined) queueMicrotask(() => this.exit(spec.id, code));
    return container;
  }

  containers(): Container[] {
    return [...this.#containers.values()];
  }

  container(id: string): Container | undefined {
    return this.#containers.get(id);
  }

  /** Running containers by name, for tests. */
  running(name: string): Container[] {
    return this.containers().filter(
      ({ state, labels }) => state === 'running' && labels['io.kubernetes.container.name'] === name,
    );
  }

  /** Ends a container. */
  exit(id: string, exitCode: number, { oomKilled = false } = {}): void {
    const container = this.#containers.get(id);
    if (!container || container.state === 'exited') return;
    const ended: Container = { ...container, state: 'exited', exitCode, oomKilled, finishedAtMs: this.now() };
    this.#containers.set(id, ended);
    for (const listener of this.#listeners) listener(ended);
  }

  async stopContainer(id: string): Promise<void> {
    this.exit(id, 143);
  }

  async removeContainer(id: string): Promise<void> {
    this.#containers.delete(id);
  }

  async updateContainer(): Promise<void> {}

  async exec(): Promise<ExecResult> {
    return this.execResult;
  }

  /** Echoes its input, then exits with the execResult's code. */
  async execStream(_id: string, spec: { stdin: boolean; tty: boolean }): Promise<StreamSession> {
    const stdin = spec.stdin ? new PassThrough() : undefined;
    const stdout = new PassThrough();
    const stderr = spec.tty ? undefined : new PassThrough();
    const exit = Promise.withResolvers<number>();
    const end = () => {
      stdout.end(this.execResult.stdout);
      stderr?.end(this.execResult.stderr);
      exit.resolve(this.execResult.exitCode);
    };
    if (stdin) {
      stdin.on('data', (data) => stdout.write(data));
      stdin.on('end', end);
    } else end();
    return { stdin, stdout, stderr, resize: () => {}, exit: exit.promise, kill: () => exit.resolve(137) };
  }

  attach(id: string, options: { stdin: boolean; tty: boolean }): Promise<StreamSession> {
    return this.execStream(id, options);
  }

  async reopenLog(): Promise<void> {}

  writableLayer(): string | undefined {
    return undefined;
  }

  async stats(): Promise<ContainerStats | undefined> {
    return { atMs: this.now(), cpuNanoseconds: 1, memoryBytes: 2, workingSetBytes: 1, pids: 1, writableBytes: 0 };
  }

  onExit(fn: (container: Container) => void): () => void {
    this.#listeners.add(fn);
    return () => void this.#listeners.delete(fn);
  }
}

/** Images that are present by name; a pull brings only those listed as pullable. */
export class FakeImages implements Images {
  readonly #present = new Map<string, ImageInfo>();
  readonly pullable = new Set<string>();

  /** Puts an image there. */
  add(name: string, config: ImageInfo['config'] = {}): ImageInfo {
    const id = `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64)}`;
    const full = `docker.io/library/${name.includes(':') ? name : `${name}:latest`}`;
    const image = { id, names: [full], digests: [], sizeBytes: 1000, config, layers: [] };
    this.#present.set(name, image);
    return image;
  }

  nameOf(id: string): string {
    return [...this.#present.values()].find((image) => image.id === id)?.names[0] ?? id;
  }

  async resolve(name: string): Promise<ImageInfo | undefined> {
    return this.#present.get(name);
  }

  async pull(name: string): Promise<ImageInfo> {
    if (!this.pullable.has(name)) throw new ImageError('ErrImagePull', `${name}: not found`);
    return this.add(name);
  }

  async adopt(): Promise<ImageInfo | undefined> {
    return undefined;
  }

  async list(): Promise<ImageInfo[]> {
    return [...this.#present.values()];
  }

  async remove(name: string): Promise<void> {
    this.#present.delete(name);
  }

  async tag(): Promise<void> {}
  async load(): Promise<ImageInfo[]> {
    return [];
  }
  async save(): Promise<void> {}
  async check(): Promise<ImageCheck> {
    return { problems: [], images: 0, blobs: 0 };
  }
  async prune(): Promise<{ removed: string[]; freedBytes: number }> {
    return { removed: [], freedBytes: 0 };
  }
  async build(): Promise<ImageInfo> {
    throw new Error('the fake builds nothing');
  }
}
