import { spawn } from 'node:child_process';
import { closeSync, write } from 'node:fs';
import { constants } from 'node:os';
import { PassThrough, type Readable, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { openTerminal } from './terminal.ts';

export interface Child {
  pid: number;
  stdin: Writable;
  stdout: Readable;
  /** Absent with a terminal. */
  stderr: Readable | undefined;
  /** Exit code once it ended and its output is read; 128 + n for signal n. */
  exit: Promise<number>;
  kill(): void;
}

/** Starts a program whose streams the caller reads and writes while it runs. It has a process group of its own. */
export function startChild(command: string[], env?: Record<string, string>): Promise<Child> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'pipe', detached: true, ...(env && { env }) });
    const exit = new Promise<number>((done) => child.once('close', (code, signal) => done(exitCode(code, signal))));
    child.stdin.on('error', () => {}); // it may end before it read everything
    child.once('error', (cause) => reject(new Error(`cannot start ${program}`, { cause })));
    child.once('spawn', () => {
      const { stdin, stdout, stderr } = child;
      resolve({ pid: child.pid as number, stdin, stdout, stderr, exit, kill: () => void child.kill('SIGKILL') });
    });
  });
}

/** Starts a program on a pseudo-terminal of its own, in raw mode: for programs that pass a terminal on. */
export function startOnTerminal(command: string[], env?: Record<string, string>): Promise<Child> {
  const [program = '', ...args] = command;
  const { master, slave } = openTerminal();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: [slave, slave, slave], detached: true, ...(env && { env }) });
    closeSync(slave);
    const terminal = new ReadStream(master);
    const stdout = new PassThrough();
    const drained = new Promise<void>((done) => {
      const end = () => {
        stdout.end();
        done();
      };
      // EIO is how a pseudo-terminal ends when nobody has the other side open any more.
      terminal.once('error', end);
      terminal.once('end', end);
      terminal.once('close', end);
    });
    terminal.on('data', (chunk) => {
      if (stdout.write(chunk)) return;
      terminal.pause();
      stdout.once('drain', () => terminal.resume());
    });
    const exited = new Promise<number>((done) => child.once('exit', (code, signal) => done(exitCode(code, signal))));
    const exit = exited.then(async (code) => {
      const giveUp = setTimeout(() => terminal.destroy(), 500);
      await drained;
      clearTimeout(giveUp);
      terminal.destroy();
      return code;
    });
    child.once('error', (cause) => {
      terminal.destroy();
      reject(new Error(`cannot start ${program}`, { cause }));
    });
    child.once('spawn', () =>
      resolve({
        pid: child.pid as number,
        stdin: terminalInput(master, terminal),
        stdout,
        stderr: undefined,
        exit,
        kill: () => void child.kill('SIGKILL'),
      }),
    );
  });
}

function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal ? constants.signals[signal] : 0);
}

/** Writes to the terminal's descriptor, which does not block: what does not fit is tried again. The end is Ctrl-D's business. */
function terminalInput(fd: number, terminal: ReadStream): Writable {
  const put = (chunk: Buffer, at: number, done: (error?: Error | null) => void): void => {
    if (terminal.destroyed) {
      done();
      return;
    }
    write(fd, chunk, at, chunk.length - at, null, (error, written) => {
      const again = (error as NodeJS.ErrnoException | null)?.code === 'EAGAIN';
      if (again) setTimeout(() => put(chunk, at, done), 5);
      else if (!error && at + written < chunk.length) put(chunk, at + written, done);
      else done(); // written, or the terminal has gone
    });
  };
  return new Writable({ write: (chunk: Buffer, _encoding, done) => put(chunk, 0, done) });
}
