import { closeSync, constants, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Linux } from '../linux/linux.ts';
import { spawnDaemon } from '../linux/posix-spawn.ts';
import type { Bundle } from './bundle-writer.ts';
import { monitorFiles, startMonitor } from './conmon.ts';
import type { StartedState } from './container-state.ts';
import { isCrun } from './oci-runtimes.ts';
import { ContainerError, type ContainerSpec } from './runtime.ts';
import type { RuntimePaths } from './runtime-paths.ts';

export interface LauncherOptions {
  linux: Linux;
  paths: RuntimePaths;
  conmon: string;
  /** Where monitors write logs. */
  logDir: string;
  clock: Clock;
}

/** A first process that was made waits within this for its start, unless it has died. */
const releaseMs = 10_000;

/**
 * Tells crun that its program is a read-only mount, which it checks: otherwise it makes one and starts again from there, so
 * that nobody can write to it from inside (CVE-2019-5736; crun src/libcrun/cloned_binary.c).
 */
const sealedEnvironment = { _LIBCONTAINER_CLONED_BINARY: '1' };

/** Makes containers run that are ready in their bundles. */
export class Launcher {
  readonly #options: LauncherOptions;

  constructor(options: LauncherOptions) {
    this.#options = options;
  }

  /** conmon starts, and has the OCI runtime create the container, whose first process then waits. */
  async create(spec: ContainerSpec, dir: string, program: string, { user, trees }: Bundle): Promise<StartedState> {
    const { linux, paths, clock, conmon, logDir } = this.#options;
    const monitor = {
      id: spec.id,
      bundle: dir,
      crunRoot: paths.crun,
      exitDir: paths.exits,
      logPath: spec.logPath,
      tty: spec.tty,
      stdin: spec.stdin,
      keepStdinOpen: !spec.stdinOnce,
    };
    const visible = [paths.containers, logDir, conmon, program];
    const spawn: typeof spawnDaemon = trees
      ? (command) =>
          linux.launches.start({
            command: { ...command, env: { ...command.env, ...sealedEnvironment } },
            ...{ visible, sealed: [program], trees },
          })
      : spawnDaemon;
    const pid = await startMonitor(monitor, { runtime: program, conmon }, spawn).catch((error) => {
      const message = inTermsOfHost((error as Error).message, trees);
      throw new ContainerError('RunContainerError', `OCI runtime create failed: ${message}`, error);
    });
    const monitorPid = Number(readFileSync(path.join(dir, monitorFiles.monitorPid), 'utf8'));
    return {
      pid,
      pidStart: linux.processes.startTime(pid),
      monitorPid,
      monitorStart: linux.processes.startTime(monitorPid),
      startedAtMs: clock.now(),
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    };
  }

  /** What `crun start` does, without a process: one byte into the FIFO that the first process waits on, once it does. */
  async release(id: string, program: string): Promise<void> {
    const { clock } = this.#options;
    if (!isCrun(program)) return this.#start(id, program);
    const fifo = this.#fifo(id);
    const deadlineMs = clock.steady() + releaseMs;
    while (!sendByte(fifo)) {
      if (clock.steady() > deadlineMs)
        throw new ContainerError(
          'RunContainerError',
          'OCI runtime start failed: its first process does not wait for it',
        );
      await new Promise<void>((resolve) => void clock.after(5, resolve));
    }
    rmSync(fifo, { force: true });
  }

  /** Whether it was not let go yet, or right before our death: then it runs, and nobody will ever read from the FIFO. */
  waits(id: string): boolean {
    return existsSync(this.#fifo(id));
  }

  /** Other OCI runtimes have their own ways to let it go. */
  async #start(id: string, program: string): Promise<void> {
    const { linux, paths } = this.#options;
    const command = [program, '--root', paths.crun, 'start', id];
    const { code, stderr } = await linux.processes.run(command, { timeoutMs: releaseMs });
    if (code !== 0) throw new ContainerError('RunContainerError', `OCI runtime start failed: ${stderr.trim()}`);
  }

  #fifo(id: string): string {
    return path.join(this.#options.paths.crun, id, 'exec.fifo');
  }
}

/** Whether somebody reads from the FIFO; `crun start` would wait for that, for ever if the container runs already. */
function sendByte(fifo: string): boolean {
  let fd: number;
  try {
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') return false;
    throw new ContainerError('RunContainerError', `OCI runtime start failed: ${(error as Error).message}`, error);
  }
  try {
    writeSync(fd, '0');
  } finally {
    closeSync(fd);
  }
  return true;
}

/** crun knows mounts by their places in the bundle only. */
function inTermsOfHost(message: string, trees: Bundle['trees'] = []): string {
  return trees.reduceRight((text, { source, target }) => text.replaceAll(target, source), message);
}
