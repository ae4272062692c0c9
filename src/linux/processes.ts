import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { constants } from 'node:os';
import type { Cgroups, Processes, RunOptions, RunResult, SpawnOptions } from './linux.ts';
import { listPids, readCmdline, startTime } from './proc.ts';
import { readText } from './read-text.ts';

/** Watches the end of any process; see ExitWatches. */
export type WatchExit = (pid: number, fn: () => void) => () => void;

export function createProcesses(watchExit: WatchExit, cgroups: Pick<Cgroups, 'procsFiles'>): Processes {
  return {
    run,
    spawnDetached: (command, options) => spawnDetached(command, options, cgroups),
    kill: (pid, signal) => {
      try {
        process.kill(pid, signal as NodeJS.Signals);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    },
    onExit: watchExit,
    withArgument: (argument) =>
      listPids().flatMap((pid) => {
        const command = readCmdline(pid);
        return command.includes(argument) ? [{ pid, command }] : [];
      }),
    startTime,
  };
}

export function run(command: string[], options: RunOptions = {}): Promise<RunResult> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: options.timeoutMs !== undefined, // a group of its own, so that a timeout ends its children too
    });
    const stdout = collect(child.stdout!);
    const stderr = collect(child.stderr!);
    let timedOut = false;
    const timer =
      options.timeoutMs !== undefined &&
      setTimeout(() => {
        timedOut = true;
        killGroup(child);
      }, options.timeoutMs);
    child.once('error', (cause) => {
      if (timer) clearTimeout(timer);
      reject(new Error(`cannot run ${program}`, { cause }));
    });
    child.once('close', (code, signal) => {
      if (timer) clearTimeout(timer);
      resolve({ code: code ?? 128 + (constants.signals[signal!] ?? 0), stdout: stdout(), stderr: stderr(), timedOut });
    });
    if (child.stdin) {
      child.stdin.on('error', () => {}); // the program need not read its input
      child.stdin.end(options.input);
    }
  });
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString('utf8');
}

function killGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

function spawnDetached(
  command: string[],
  options: SpawnOptions = {},
  cgroups: Pick<Cgroups, 'procsFiles'>,
): Promise<number> {
  const [program = '', ...args] = options.cgroup ? inCgroup(command, cgroups.procsFiles(options.cgroup)) : command;
  const opened: number[] = [];
  const open = (file: string, flags: string) => {
    const fd = fs.openSync(file, flags);
    opened.push(fd);
    return fd;
  };
  const requested = options.stdio ?? [];
  const stdio = Array.from({ length: Math.max(3, requested.length) }, (_, index) => {
    const entry = requested[index] ?? 'ignore';
    return typeof entry === 'string' && entry !== 'ignore' ? open(entry, index === 0 ? 'r' : 'a') : entry;
  });
  return new Promise<number>((resolve, reject) => {
    const child = spawn(program, args, { cwd: options.cwd, env: options.env, stdio, detached: true });
    child.once('error', (cause) => reject(new Error(`cannot start ${command[0]}`, { cause })));
    child.once('spawn', () => resolve(child.pid!));
    child.unref();
  }).finally(() => {
    for (const fd of opened) fs.closeSync(fd);
  });
}

/** Only a process itself can be in a cgroup before its program's first instruction, so a shell moves and then becomes it. */
function inCgroup(command: string[], procsFiles: string[]): string[] {
  const missing = procsFiles.filter((file) => !ownCgroupFile(file));
  if (missing.length === 0) return command;
  const script = 'n=$1; shift; while [ $n -gt 0 ]; do echo 0 >"$1" || exit 125; shift; n=$((n-1)); done; exec "$@"';
  return ['/bin/sh', '-c', script, 'sh', String(missing.length), ...missing, ...command];
}

/** Whether this process is in the cgroup of that cgroup.procs file already. */
function ownCgroupFile(file: string): boolean {
  const cgroup = file.slice(0, -'/cgroup.procs'.length);
  return ownCgroups().some((path) => path !== '/' && cgroup.endsWith(path)) && listsUs(file);
}

function ownCgroups(): string[] {
  const lines = readText('/proc/self/cgroup').trim().split('\n');
  return lines.map((line) => line.slice(line.indexOf(':', line.indexOf(':') + 1) + 1));
}

function listsUs(file: string): boolean {
  try {
    return readText(file).split('\n').includes(String(process.pid));
  } catch {
    return false;
  }
}
