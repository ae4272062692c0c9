import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Linux, NamespaceKind } from '../linux/linux.ts';
import { namespaceFile } from '../linux/proc.ts';
import { readJsonFile, writeJsonFile } from './json-file.ts';
import { pauseProgram } from './pause-program.ts';
import { ContainerError, type Sandbox, type SandboxSpec, type UserNamespace } from './runtime.ts';
import type { RuntimePaths } from './runtime-paths.ts';
import { IdmappedLayers, idMappings } from './user-namespace.ts';

/** A sandbox as its file has it: with the process that holds a shared PID namespace. */
export interface SandboxRecord extends Sandbox {
  pause?: { pid: number; startTime: number | undefined };
}

const shmBytes = 64 << 20;

/** The namespaces that containers share: pinned by bind mounts, so that no process has to hold them (but for PIDs). */
export class Sandboxes {
  readonly #linux: Linux;
  readonly #paths: RuntimePaths;
  readonly #clock: Clock;
  /** crun with the option that names its state directory. */
  readonly #crun: string[];
  readonly #layers: IdmappedLayers;
  /** All sandboxes whose file is on disk. */
  readonly #records = new Map<string, SandboxRecord>();

  constructor(linux: Linux, paths: RuntimePaths, clock: Clock, crunPath: string) {
    this.#crun = [crunPath, '--root', paths.crun];
    this.#linux = linux;
    this.#layers = new IdmappedLayers(linux);
    this.#paths = paths;
    this.#clock = clock;
  }

  list(): SandboxRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): SandboxRecord | undefined {
    return this.#records.get(id);
  }

  /** Directory that the containers of a sandbox see as /dev/shm. */
  shm(sandbox: Sandbox): string {
    return sandbox.spec.host?.ipc ? '/dev/shm' : path.join(this.#paths.sandboxes, sandbox.spec.id, 'shm');
  }

  /** An image's layers as the containers of a sandbox are to see them. */
  async layers({ spec, namespaces }: Sandbox, layers: string[]): Promise<string[]> {
    if (!namespaces.user) return layers;
    return this.#layers.map(path.join(this.#paths.sandboxes, spec.id, 'layers'), namespaces.user, layers);
  }

  async create(spec: SandboxSpec): Promise<Sandbox> {
    const dir = path.join(this.#paths.sandboxes, spec.id);
    mkdirSync(dir, { recursive: true });
    const pins = this.#pins(spec, dir);
    const sandbox: SandboxRecord = { spec, namespaces: { ...pins }, createdAtMs: this.#clock.now() };
    try {
      // The file first: what it names is removed by the next open if we die on the way.
      writeJsonFile(path.join(dir, 'sandbox.json'), sandbox);
      if (spec.userNamespace) await this.#startInUserNamespace(sandbox, dir);
      else if (Object.keys(pins).length > 0) {
        await this.#linux.namespaces.create(pins, {
          hostname: spec.hostname,
          ...(spec.sysctls && { sysctls: spec.sysctls }),
        });
      }
      if (!spec.host?.ipc) await this.#mountShm(path.join(dir, 'shm'));
      if (spec.sharePid && !spec.host?.pid && !spec.userNamespace) await this.#startPause(sandbox, dir);
    } catch (error) {
      await this.remove(spec.id, sandbox);
      throw new ContainerError('CreateContainerError', `create sandbox ${spec.id}: ${(error as Error).message}`, error);
    }
    this.#records.set(spec.id, sandbox);
    return sandbox;
  }

  async remove(id: string, sandbox = this.#records.get(id)): Promise<void> {
    const dir = path.join(this.#paths.sandboxes, id);
    if (sandbox?.spec.sharePid && !sandbox.spec.host?.pid) await this.#stopPause(id, sandbox.pause);
    await this.#linux.mounts.unmount(path.join(dir, 'shm'));
    await this.#layers.remove(path.join(dir, 'layers'));
    await this.#linux.mounts.unmount(path.join(dir, 'user'));
    const pins = Object.fromEntries(
      (['net', 'ipc', 'uts'] as const)
        .map((kind) => [kind, path.join(dir, kind)])
        .filter(([, file]) => existsSync(file as string)),
    ) as Partial<Record<NamespaceKind, string>>;
    if (Object.keys(pins).length > 0) await this.#linux.namespaces.remove(pins);
    if (sandbox) await this.#linux.cgroups.remove(sandbox.spec.cgroup);
    rmSync(dir, { recursive: true, force: true });
    this.#records.delete(id);
  }

  /** Reads the sandboxes of an earlier process; one whose PID holder is gone stays, for its owner to remove. */
  async load(): Promise<void> {
    for (const id of readdirSync(this.#paths.sandboxes)) {
      const record = readJsonFile<SandboxRecord>(path.join(this.#paths.sandboxes, id, 'sandbox.json'));
      const holdsPids = record?.spec.sharePid && !record.spec.host?.pid;
      if (record && (!holdsPids || record.pause)) this.#records.set(id, record);
      else await this.remove(id, record);
    }
  }

  #pins(spec: SandboxSpec, dir: string): Partial<Record<NamespaceKind, string>> {
    const { host = {} } = spec;
    return {
      ...(!host.net && { net: path.join(dir, 'net'), uts: path.join(dir, 'uts') }),
      ...(!host.ipc && { ipc: path.join(dir, 'ipc') }),
    };
  }

  async #mountShm(target: string): Promise<void> {
    mkdirSync(target, { recursive: true });
    await this.#linux.mounts.mount({
      source: 'shm',
      target,
      type: 'tmpfs',
      flags: ['nosuid', 'nodev', 'noexec'],
      data: `mode=1777,size=${shmBytes}`,
    });
  }

  /** An empty PID namespace cannot be pinned: a tiny container's first process holds it and reaps orphans. */
  async #startPause(sandbox: SandboxRecord, dir: string): Promise<void> {
    const { namespaces } = sandbox;
    const pinned = [
      ['network', namespaces.net],
      ['ipc', namespaces.ipc],
      ['uts', namespaces.uts],
    ].flatMap(([type, file]) => (file ? [{ type, path: file }] : []));
    await this.#runPause(sandbox, dir, { namespaces: [{ type: 'mount' }, { type: 'pid' }, ...pinned] });
  }

  /**
   * Namespaces that belong to a user namespace can only be made inside it, where a process must be: it makes them all, they
   * are pinned, and it ends unless it has PIDs to hold.
   */
  async #startInUserNamespace(sandbox: SandboxRecord, dir: string): Promise<void> {
    const { spec, namespaces } = sandbox;
    const types = ['mount', 'pid', 'user', 'network', 'ipc', 'uts'];
    await this.#runPause(
      sandbox,
      dir,
      {
        namespaces: types.map((type) => ({ type })),
        ...idMappings(spec.userNamespace as UserNamespace),
        ...(spec.sysctls && { sysctl: spec.sysctls }),
      },
      spec.hostname,
    );
    const { pid } = sandbox.pause as NonNullable<SandboxRecord['pause']>;
    for (const kind of ['net', 'ipc', 'uts', 'user'] as const) {
      const target = path.join(dir, kind);
      writeFileSync(target, '');
      await this.#linux.mounts.mount({ source: namespaceFile(pid, kind), target, flags: ['bind'] });
      namespaces[kind] = target;
    }
    if (!spec.sharePid) {
      await this.#stopPause(spec.id, sandbox.pause);
      delete sandbox.pause;
      delete namespaces.pid;
    }
    writeJsonFile(path.join(dir, 'sandbox.json'), sandbox);
  }

  async #runPause(sandbox: SandboxRecord, dir: string, linux: object, hostname?: string): Promise<void> {
    const { spec } = sandbox;
    const bundle = path.join(dir, 'pause');
    for (const name of ['proc', 'dev']) mkdirSync(path.join(bundle, 'rootfs', name), { recursive: true });
    writeFileSync(path.join(bundle, 'rootfs/pause'), pauseProgram(), { mode: 0o755 });
    const config = {
      ociVersion: '1.0.2',
      process: { args: ['/pause'], cwd: '/', env: ['PATH=/'], user: { uid: 65535, gid: 65535 }, noNewPrivileges: true },
      root: { path: 'rootfs', readonly: true },
      ...(hostname !== undefined && { hostname }),
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
      ],
      linux: { ...linux, cgroupsPath: `${spec.cgroup}/${pauseId(spec.id)}` },
    };
    writeFileSync(path.join(bundle, 'config.json'), JSON.stringify(config));
    const pidFile = path.join(bundle, 'pid');
    const log = path.join(bundle, 'crun.log');
    // The pause process keeps what crun has open: it must not be our pipes, whose end we would wait for.
    const detached = ['sh', '-c', 'exec "$@" </dev/null >/dev/null 2>"$0"', log];
    const crun = [...this.#crun, 'run', '--detach', '--bundle', bundle, '--pid-file', pidFile, pauseId(spec.id)];
    const result = await this.#linux.processes.run([...detached, ...crun], { env: { PATH: process.env.PATH ?? '' } });
    if (result.code !== 0) {
      throw new Error(`crun cannot start the pause process: ${readFileSync(log, 'utf8').trim()}`);
    }
    const pid = readJsonFile<number>(pidFile) ?? 0;
    sandbox.pause = { pid, startTime: this.#linux.processes.startTime(pid) };
    sandbox.namespaces.pid = namespaceFile(pid, 'pid');
    writeJsonFile(path.join(dir, 'sandbox.json'), sandbox);
  }

  async #stopPause(id: string, pause: SandboxRecord['pause']): Promise<void> {
    if (pause?.startTime !== undefined && this.#linux.processes.startTime(pause.pid) === pause.startTime) {
      this.#linux.processes.kill(pause.pid, 'SIGKILL');
    }
    await this.#linux.processes.run([...this.#crun, 'delete', '--force', pauseId(id)]);
  }
}

const pauseId = (sandbox: string): string => `${sandbox}-pause`;
