import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { readText } from './read-text.ts';

/** A long-lived process of ours that goes on after we end: its pid file holds 'PID STARTTIME PROGRAM'; the first two name a process for good. */
export interface Daemon {
  pid: number;
  /** Clock ticks since boot (proc_pid_stat(5), field 22). */
  startTime: number;
  /** File of the program that it runs. */
  program?: string;
}

export interface DaemonReport {
  ready?: boolean;
  error?: string;
  hint?: string;
  [detail: string]: unknown;
}

export interface DaemonStart {
  command: string[];
  logFile: string;
  env?: NodeJS.ProcessEnv;
}

/**
 * Starts a program in a session of its own, its output appended to `logFile`. Descriptor 3 is a pipe on which it
 * reports one line of JSON; `report` resolves with it, or with an error when the program ends without one.
 */
export function startDaemon(options: DaemonStart): {
  pid: number;
  report: Promise<DaemonReport>;
} {
  fs.mkdirSync(path.dirname(options.logFile), { recursive: true });
  const log = fs.openSync(options.logFile, 'a', 0o600);
  const [program, ...args] = options.command as [string, ...string[]];
  const child = spawn(program, args, {
    detached: true,
    cwd: '/',
    stdio: ['ignore', log, log, 'pipe'],
    env: { ...process.env, ...options.env, VITRINE_REPORT_FD: '3' },
  });
  fs.closeSync(log);
  const pipe = child.stdio[3] as import('node:net').Socket;
  const report = new Promise<DaemonReport>((resolve) => {
    let text = '';
    pipe.setEncoding('utf8');
    pipe.on('data', (chunk: string) => {
      text += chunk;
    });
    pipe.on('close', () => resolve(parseReport(text)));
    pipe.on('error', () => {});
    child.on('error', (error) => resolve({ error: `cannot start ${program}: ${error.message}` }));
  });
  child.unref();
  return { pid: child.pid ?? 0, report };
}

function parseReport(text: string): DaemonReport {
  try {
    return JSON.parse(text) as DaemonReport;
  } catch {
    return { error: 'the process ended before it was ready' };
  }
}

/** The other end: tells whoever started us, once. Nothing happens when nobody did. */
export function reportToParent(report: DaemonReport): void {
  const fd = Number(process.env.VITRINE_REPORT_FD);
  if (!fd) return;
  delete process.env.VITRINE_REPORT_FD;
  try {
    fs.writeSync(fd, JSON.stringify(report));
    fs.closeSync(fd);
  } catch {
    // The starter has gone; our log tells the same.
  }
}

export function writePidFile(file: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const { pid } = process;
  fs.writeFileSync(`${file}.tmp`, `${pid} ${startTimeOf(pid) ?? 0} ${ownProgram()}\n`);
  fs.renameSync(`${file}.tmp`, file);
}

/** The file of this program, by its real name: each build has one of its own. */
export function ownProgram(): string {
  return fs.realpathSync(process.argv[1] ?? '/');
}

/** The process of a pid file, if it is still the same one. */
export function readPidFile(file: string): Daemon | undefined {
  let text: string;
  try {
    text = readText(file);
  } catch {
    return undefined;
  }
  const [, pid = 0, startTime = 0, program] = /^(\d+) (\d+)(?: (.+))?$/m.exec(text) ?? [];
  const daemon = { pid: Number(pid), startTime: Number(startTime), ...(program && { program }) };
  return daemon.pid > 0 && startTimeOf(daemon.pid) === daemon.startTime ? daemon : undefined;
}

/** Field 22 of /proc/PID/stat; undefined when there is no such process. */
export function startTimeOf(pid: number): number | undefined {
  try {
    const fields = statFields(pid);
    // A zombie has ended and only waits for its parent; but its files are open until its last thread has ended, too.
    return fields[0] === 'Z' && Number(fields[17]) <= 1 ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}

/** Waits for the end of a process that is ending already, as one is for a moment after kill -9; one that lives stays. */
export async function settled(daemon: Daemon | undefined): Promise<Daemon | undefined> {
  if (!daemon) return undefined;
  while (startTimeOf(daemon.pid) === daemon.startTime) {
    if (!isEnding(daemon.pid)) return daemon;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return undefined;
}

/** PF_EXITING of the kernel's include/linux/sched.h, in the flags of /proc/PID/stat. */
const exitingFlag = 0x4;
const killBit = 1n << 8n;

function isEnding(pid: number): boolean {
  try {
    const fields = statFields(pid);
    if (fields[0] === 'Z' || Number(fields[6]) & exitingFlag) return true;
    const status = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
    const pending = [...status.matchAll(/^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)/gm)].map(([, mask]) => BigInt(`0x${mask}`));
    return pending.some((mask) => (mask & killBit) !== 0n);
  } catch {
    return true;
  }
}

/** From the third field on ('state'): the second one, the name, may hold anything. */
function statFields(pid: number): string[] {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Asks the node process to end its Pods before itself. */
export const shutdownSignal = 'SIGPWR';

/** Sends `signal`, waits for the end, sends SIGKILL after `graceMs`. Resolves when the process is gone. */
export async function stopDaemon(
  daemon: Daemon,
  graceMs: number,
  signal: 'SIGTERM' | typeof shutdownSignal = 'SIGTERM',
): Promise<void> {
  const alive = () => startTimeOf(daemon.pid) === daemon.startTime;
  const deadline = Date.now() + graceMs;
  if (alive()) process.kill(daemon.pid, signal);
  while (alive()) {
    if (Date.now() > deadline) process.kill(daemon.pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
