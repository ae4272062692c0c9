import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';

export interface Child {
  pid: number;
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Exit code once it ended and its output is read; 128 + n for signal n. */
  exit: Promise<number>;
  kill(): void;
}

/** Starts a program whose streams the caller reads and writes while it runs. It has a process group of its own. */
export function startChild(command: string[], env?: Record<string, string>): Promise<Child> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'pipe', detached: true, ...(env && { env }) });
    const exit = new Promise<number>((done) => {
      child.once('close', (code, signal) => done(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
    child.stdin.on('error', () => {}); // it may end before it read everything
    child.once('error', (cause) => reject(new Error(`cannot start ${program}`, { cause })));
    child.once('spawn', () => {
      const { stdin, stdout, stderr } = child;
      resolve({ pid: child.pid as number, stdin, stdout, stderr, exit, kill: () => void child.kill('SIGKILL') });
    });
  });
}
