import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Child, startChild, startOnTerminal, startWithConsole, type TerminalChild } from '../linux/child.ts';
import type { Linux } from '../linux/linux.ts';
import { resizeTerminal } from '../linux/terminal.ts';
import type { Containers } from './containers.ts';
import { isCrun } from './oci-runtimes.ts';
import type { ExecResult, ExecSpec, StreamSession } from './runtime.ts';

export interface ExecOptions {
  linux: Linux;
  containers: Containers;
  crunRoot: string;
}

const environment = (): Record<string, string> => ({ PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin' });

/** Runs a command inside to its end. When the time is up, the command itself is killed, not only crun. */
export async function exec(
  options: ExecOptions,
  id: string,
  command: string[],
  timeoutMs: number | undefined,
): Promise<ExecResult> {
  const files = prepare(options, id, { command, tty: false, stdin: false });
  let timedOut = false;
  const timer =
    timeoutMs !== undefined &&
    setTimeout(() => {
      timedOut = true;
      killInside(options.linux, files.pidFile);
    }, timeoutMs);
  try {
    const result = await options.linux.processes.run(files.command, {
      env: environment(),
      ...(timeoutMs !== undefined && { timeoutMs: timeoutMs + 2_000 }), // should the kill not end it
    });
    const { code, stdout, stderr } = result;
    return { exitCode: code, stdout, stderr, timedOut: timedOut || result.timedOut };
  } finally {
    if (timer) clearTimeout(timer);
    files.remove();
  }
}

/** Runs a command inside with streams. */
export async function execStream(options: ExecOptions, id: string, spec: ExecSpec): Promise<StreamSession> {
  if (spec.tty && isCrun(options.containers.program(id))) return execOnTerminal(options, id, spec);
  const files = prepare(options, id, spec);
  let child: Child;
  try {
    child = await (spec.tty ? startOnTerminal : startChild)(files.command, environment());
  } catch (error) {
    files.remove();
    throw error;
  }
  if (!spec.stdin) child.stdin.end();
  return {
    stdin: spec.stdin ? child.stdin : undefined,
    stdout: child.stdout,
    stderr: child.stderr,
    resize: (columns, rows) => resizeWhenStarted(files.pidFile, columns, rows),
    exit: child.exit.finally(files.remove),
    kill: () => {
      killInside(options.linux, files.pidFile);
      child.kill();
    },
  };
}

/**
 * crun hands its terminal over. It could copy by itself, but what is still unread when the process ends it then takes for
 * a message of its own, and colours it (libcrun container.c flush_fd_to_err). Other runtimes do this only for commands
 * that they do not wait for.
 */
async function execOnTerminal(options: ExecOptions, id: string, spec: ExecSpec): Promise<StreamSession> {
  const files = prepare(options, id, spec);
  const socket = files.pidFile.replace(/pid$/, 'sock');
  const command = [...files.command.slice(0, -1), '--console-socket', socket, id];
  let child: TerminalChild;
  try {
    child = await startWithConsole(command, socket, environment());
  } catch (error) {
    files.remove();
    throw error;
  }
  return {
    stdin: spec.stdin ? child.stdin : undefined,
    stdout: child.stdout,
    stderr: undefined,
    resize: (columns, rows) => void child.resize(columns, rows),
    exit: child.exit.finally(files.remove),
    kill: () => {
      killInside(options.linux, files.pidFile);
      child.kill();
    },
  };
}

/** Writes the process spec: the container's own, with another command line. */
function prepare(
  { containers, crunRoot }: ExecOptions,
  id: string,
  spec: ExecSpec,
): { command: string[]; pidFile: string; remove(): void } {
  const container = containers.get(id);
  if (container?.state !== 'running') throw new Error(`container "${id}" is not running`);
  const base = path.join(containers.bundle(id), `exec-${randomUUID()}`);
  const process = { ...containers.process(id), terminal: spec.tty, args: spec.command };
  if (spec.tty && !process.env.some((entry) => entry.startsWith('TERM='))) process.env = [...process.env, 'TERM=xterm'];
  const { columns: width, rows: height } = spec.size ?? {};
  const consoleSize = width && height ? { consoleSize: { width, height } } : {};
  writeFileSync(`${base}.json`, JSON.stringify({ ...process, ...consoleSize }));
  return {
    command: [
      containers.program(id),
      '--root',
      crunRoot,
      'exec',
      '--process',
      `${base}.json`,
      '--pid-file',
      `${base}.pid`,
      id,
    ],
    pidFile: `${base}.pid`,
    remove: () => {
      rmSync(`${base}.json`, { force: true });
      rmSync(`${base}.pid`, { force: true });
    },
  };
}

function readPid(pidFile: string): number | undefined {
  try {
    return Number(readFileSync(pidFile, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

function killInside(linux: Linux, pidFile: string): void {
  const pid = readPid(pidFile);
  if (pid !== undefined) linux.processes.kill(pid, 'SIGKILL');
}

/** The first size often comes before crun has made the terminal. */
function resizeWhenStarted(pidFile: string, columns: number, rows: number, attempt = 0): void {
  const pid = readPid(pidFile);
  try {
    if (pid !== undefined) {
      resizeTerminal(pid, columns, rows);
      return;
    }
  } catch {
    // the process has no terminal yet, or no more
  }
  if (attempt < 50) setTimeout(() => resizeWhenStarted(pidFile, columns, rows, attempt + 1), 20).unref();
}
