import { closeSync, constants, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { SyscallError } from '../base/errors.ts';

const TIOCSWINSZ = 0x5414;

type Ioctl = (fd: number, request: number, argument: Uint8Array) => number;

/** ioctl(2), once it was needed. */
let ioctl: Ioctl | undefined;

/** Sets the window size of the terminal that is a process's standard input, which the kernel tells it by SIGWINCH. */
export function resizeTerminal(pid: number, columns: number, rows: number): void {
  const path = `/proc/${pid}/fd/0`;
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  try {
    ioctl ??= loadIoctl();
    const size = Buffer.alloc(8);
    size.writeUInt16LE(rows, 0);
    size.writeUInt16LE(columns, 2);
    if (ioctl(fd, TIOCSWINSZ, size) < 0) throw new SyscallError('ioctl TIOCSWINSZ', 'ENOTTY', path);
  } finally {
    closeSync(fd);
  }
}

function loadIoctl(): Ioctl {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  return koffi.load('libc.so.6').func('int ioctl(int fd, unsigned long request, const uint8_t *argument)') as never;
}
