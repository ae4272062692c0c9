import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, write } from 'node:fs';
import { constants } from 'node:os';
import { PassThrough, type Readable, Writable } from 'node:stream';
import { setTimeout as delay, setImmediate as polled } from 'node:timers/promises';
import { ReadStream } from 'node:tty';
import { ConsoleSocket } from './console-socket.ts';
import { openTerminal, setTerminalSize } from './terminal.ts';

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
    const stdout = new PassThrough();
    const terminal = readTerminal(master, stdout);
    const exit = exitOf(child).then(async (code) => {
      await terminal.end();
      stdout.end();
      return code;
    });
    child.once('error', (cause) => {
      terminal.destroy();
      reject(new Error(`cannot start ${program}`, { cause }));
    });
    child.once('spawn', () =>
      resolve({
        pid: child.pid as number,
        stdin: terminal.input,
        stdout,
        stderr: undefined,
        exit,
        kill: () => void child.kill('SIGKILL'),
      }),
    );
  });
}

/** A child whose terminal may change its size. */
export interface TerminalChild extends Child {
  /** Resolves false if it never got a terminal. */
  resize(columns: number, rows: number): Promise<boolean>;
}

/**
 * Starts an OCI runtime that sends the terminal which it makes to a socket at `socketPath`. What it says itself, when
 * something fails, is in the output, too.
 */
export function startWithConsole(
  command: string[],
  socketPath: string,
  env?: Record<string, string>,
): Promise<TerminalChild> {
  const [program = '', ...args] = command;
  const console = new ConsoleSocket(socketPath);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...(env && { env }) });
    const stdout = new PassThrough();
    for (const own of [child.stdout, child.stderr]) own.on('data', (chunk) => stdout.write(chunk));
    const closed = new Promise<void>((done) => child.once('close', () => done()));
    const terminal = console.terminal.then(
      (fd) => (fd === undefined ? undefined : { fd, ...readTerminal(fd, stdout) }),
      (error: Error) => void stdout.write(`${error.message}\n`),
    );
    const exit = exitOf(child).then(async (code) => {
      console.finish();
      await (await terminal)?.end();
      await closed;
      stdout.end();
      return code;
    });
    child.once('error', (cause) => {
      console.finish();
      reject(new Error(`cannot start ${program}`, { cause }));
    });
    child.once('spawn', () =>
      resolve({
        pid: child.pid as number,
        stdin: laterInput(terminal.then((one) => one?.input)),
        stdout,
        stderr: undefined,
        exit,
        kill: () => void child.kill('SIGKILL'),
        resize: async (columns, rows) => {
          const own = await terminal;
          if (own && !own.ended()) setTerminalSize(own.fd, columns, rows);
          return own !== undefined;
        },
      }),
    );
  });
}

const exitOf = (child: ChildProcess) =>
  new Promise<number>((done) => child.once('exit', (code, signal) => done(exitCode(code, signal))));

/** Copies what is written on a terminal until nobody has its other side open. */
function readTerminal(master: number, stdout: PassThrough) {
  const terminal = new ReadStream(master);
  const drained = new Promise<void>((done) => {
    // EIO is how a pseudo-terminal ends when nobody has the other side open any more.
    for (const event of ['error', 'end', 'close']) terminal.once(event, () => done());
  });
  terminal.on('data', (chunk) => {
    if (stdout.write(chunk)) return;
    terminal.pause();
    stdout.once('drain', () => terminal.resume());
  });
  return {
    input: terminalInput(master, terminal),
    ended: () => terminal.destroyed,
    destroy: () => terminal.destroy(),
    /** The process has ended; what it left behind may keep the terminal open, and is not waited for. */
    end: async () => {
      await Promise.race([drained, silence(terminal)]);
      terminal.destroy();
    },
  };
}

const silenceMs = 500;

/** Nothing has come for a while, to a reader who was ready for it. On a busy machine what is there is read late. */
async function silence(terminal: ReadStream): Promise<void> {
  let heard = true;
  terminal.on('data', () => {
    heard = true;
  });
  while (!terminal.destroyed && (heard || terminal.isPaused())) {
    heard = false;
    await delay(silenceMs, undefined, { ref: false });
    // Timers come first in a turn of the event loop, then what can be read.
    await polled();
  }
}

/** What is written waits until there is somewhere to write to. */
function laterInput(target: Promise<Writable | undefined>): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) =>
      void target.then((input) => (input ? input.write(chunk, done) : done()), done),
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
