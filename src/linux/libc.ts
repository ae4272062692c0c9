import { constants } from 'node:os';
import * as koffi from 'koffi';
import { SyscallError } from '../base/errors.ts';

/**
 * The C library by FFI. Loaded only in the kernel thread (worker.ts): koffi is a native addon that nobody else needs.
 * Library functions are used instead of syscall(2) wherever they exist, as syscall numbers differ between architectures.
 */
const library = koffi.load('libc.so.6');
const int = (definition: string) => library.func(`int ${definition}`) as (...args: unknown[]) => number;

const functions = {
  unshare: int('unshare(int flags)'),
  setns: int('setns(int fd, int type)'),
  mount: int('mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)'),
  umount2: int('umount2(const char *target, int flags)'),
  sethostname: int('sethostname(const char *name, size_t length)'),
  socket: int('socket(int domain, int type, int protocol)'),
  connect: int('connect(int fd, const void *address, unsigned int length)'),
  setsockopt: int('setsockopt(int fd, int level, int name, const void *value, unsigned int length)'),
  close: int('close(int fd)'),
  ioctl: int('ioctl(int fd, unsigned long request, void *argument)'),
  shutdown: int('shutdown(int fd, int how)'),
  chdir: int('chdir(const char *path)'),
  if_nametoindex: int('if_nametoindex(const char *name)'),
  abort: library.func('void abort()'),
};
const send = library.func('long send(int fd, const void *data, size_t length, int flags)');
const recv = library.func('long recv(int fd, void *data, size_t length, int flags)');

const errnoNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
errnoNames.set(constants.errno.EAGAIN, 'EAGAIN'); // not EWOULDBLOCK, its other name

/** The name of an errno: 2 is 'ENOENT'. */
export function errnoName(errno: number): string {
  return errnoNames.get(errno) ?? `errno ${errno}`;
}

/** Calls a function of libc that returns -1 on failure; throws a SyscallError that names the call and what it was about. */
export function call(name: Exclude<keyof typeof functions, 'abort'>, about: string, ...args: unknown[]): number {
  const result = functions[name](...args);
  if (result === -1) throw new SyscallError(name, errnoName(koffi.errno()), about);
  return result;
}

/** send(2); undefined when it would block. */
export function sendBytes(fd: number, data: Uint8Array, flags: number, about: string): number | undefined {
  const result = Number(send(fd, data, data.length, flags));
  if (result >= 0) return result;
  const code = errnoName(koffi.errno());
  if (code === 'EAGAIN') return undefined;
  throw new SyscallError('send', code, about);
}

/** recv(2) into `buffer`; undefined when it would block. */
export function receiveBytes(fd: number, buffer: Uint8Array, flags: number, about: string): number | undefined {
  for (;;) {
    const result = Number(recv(fd, buffer, buffer.length, flags));
    if (result >= 0) return result;
    const code = errnoName(koffi.errno());
    if (code === 'EAGAIN') return undefined;
    if (code !== 'EINTR') throw new SyscallError('recv', code, about);
  }
}

/** The index of a link in this thread's network namespace; undefined when there is none of that name. */
export function linkIndex(name: string): number | undefined {
  return functions.if_nametoindex(name) || undefined;
}

/** Ends the whole process at once: for a thread that can no longer get back into its own namespaces. */
export function abortProcess(why: string): never {
  process.stderr.write(`vitrine: ${why}\n`);
  functions.abort();
  throw new Error('unreachable');
}

/** A function that only newer C libraries have, with the system call's number (the same on every architecture since 5.1) to fall back on. */
function recent(name: string, number: number, parameters: string[]): (...args: unknown[]) => number {
  let fn: ((...args: unknown[]) => number) | undefined;
  return (...args) => {
    if (!fn) {
      try {
        fn = library.func(name, 'int', parameters) as (...args: unknown[]) => number;
      } catch {
        const syscall = library.func('syscall', 'long', ['long', ...parameters]);
        fn = (...rest) => Number(syscall(number, ...rest));
      }
    }
    const result = fn(...args);
    if (result === -1) throw new SyscallError(name, errnoName(koffi.errno()), String(args[0] ?? ''));
    return result;
  };
}

export const pidfdOpen = recent('pidfd_open', 434, ['int', 'unsigned int']);
export const moveMount = recent('move_mount', 429, ['int', 'const char *', 'int', 'const char *', 'unsigned int']);
export const openTree = recent('open_tree', 428, ['int', 'const char *', 'unsigned int']);
export const mountSetattr = recent('mount_setattr', 442, [
  'int',
  'const char *',
  'unsigned int',
  'const void *',
  'size_t',
]);
export const fsopen = recent('fsopen', 430, ['const char *', 'unsigned int']);
export const fsconfig = recent('fsconfig', 431, ['int', 'unsigned int', 'const char *', 'const char *', 'int']);
export const fsmount = recent('fsmount', 432, ['int', 'unsigned int', 'unsigned int']);

export interface PollHandle {
  close(): void;
}

/** Calls back on this thread's event loop whenever `fd` is readable (or hung up), respectively writable. */
export function pollFd(fd: number, events: { readable?: boolean; writable?: boolean }, fn: () => void): PollHandle {
  return koffi.node.poll(fd, { ...events, disconnect: true }, fn);
}
