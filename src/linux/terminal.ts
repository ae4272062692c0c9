import { closeSync, constants, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { SyscallError } from '../base/errors.ts';

const TIOCSWINSZ = 0x5414;
const TCSANOW = 0;

interface TerminalCalls {
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  openpt(flags: number): number;
  unlockpt(fd: number): number;
  ptsname(fd: number): string | null;
  tcgetattr(fd: number, termios: Uint8Array): number;
  tcsetattr(fd: number, actions: number, termios: Uint8Array): number;
  cfmakeraw(termios: Uint8Array): void;
}

/** The calls, once they were needed. */
let loaded: TerminalCalls | undefined;

/** Opens a pseudo-terminal (pty(7)) in raw mode, with nobody's controlling terminal on it. The caller closes both. */
export function openTerminal(): { master: number; slave: number } {
  const flags = constants.O_RDWR | constants.O_NOCTTY;
  const master = check(calls().openpt(flags), 'posix_openpt');
  check(calls().unlockpt(master), 'unlockpt');
  const name = calls().ptsname(master);
  if (!name) throw new SyscallError('ptsname', 'ENOTTY', `fd ${master}`);
  const slave = openSync(name, flags);
  const termios = Buffer.alloc(128);
  check(calls().tcgetattr(slave, termios), 'tcgetattr');
  calls().cfmakeraw(termios);
  check(calls().tcsetattr(slave, TCSANOW, termios), 'tcsetattr');
  return { master, slave };
}

/** Sets the window size of the terminal that is a process's standard input, which the kernel tells it by SIGWINCH. */
export function resizeTerminal(pid: number, columns: number, rows: number): void {
  const path = `/proc/${pid}/fd/0`;
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  try {
    setTerminalSize(fd, columns, rows);
  } finally {
    closeSync(fd);
  }
}

/** The same by a descriptor of either side. */
export function setTerminalSize(fd: number, columns: number, rows: number): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  check(calls().ioctl(fd, TIOCSWINSZ, size), 'ioctl TIOCSWINSZ');
}

function check(result: number, syscall: string): number {
  if (result < 0) throw new SyscallError(syscall, 'ENOTTY', 'terminal');
  return result;
}

function calls(): TerminalCalls {
  if (loaded) return loaded;
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const libc = koffi.load('libc.so.6');
  const bind = (prototype: string) => libc.func(prototype) as never;
  loaded = {
    ioctl: bind('int ioctl(int fd, unsigned long request, const uint8_t *argument)'),
    openpt: bind('int posix_openpt(int flags)'),
    unlockpt: bind('int unlockpt(int fd)'),
    ptsname: bind('const char *ptsname(int fd)'),
    tcgetattr: bind('int tcgetattr(int fd, _Out_ uint8_t *termios)'),
    tcsetattr: bind('int tcsetattr(int fd, int actions, const uint8_t *termios)'),
    cfmakeraw: bind('void cfmakeraw(_Inout_ uint8_t *termios)'),
  };
  return loaded;
}
