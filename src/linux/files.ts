import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { SyscallError } from '../base/errors.ts';

/*
 * System calls about files that Node lacks. All but syncfs are fast and synchronous, so they run on the caller's thread.
 * koffi is loaded on first use: reading image metadata needs none of it.
 */

interface FileCalls {
  mknod(path: string, mode: number, device: bigint): number;
  mkfifo(path: string, mode: number): number;
  lsetxattr(path: string, name: string, value: Uint8Array, size: number, flags: number): number;
  lgetxattr(path: string, name: string, value: Uint8Array | null, size: number): number;
  llistxattr(path: string, list: Uint8Array | null, size: number): number;
  flock(fd: number, operation: number): number;
  syncfs: ((fd: number) => number) & { async(fd: number, done: (error: unknown, result: number) => void): void };
  errnoName(): string;
}

/** The loaded library, once a call was made. */
let loaded: FileCalls | undefined;

/** mknod(2). A character device 0/0 is an overlay whiteout. */
export function makeNode(path: string, kind: 'char' | 'block', mode: number, major: number, minor: number): void {
  const type = kind === 'char' ? 0o020000 : 0o060000;
  check(calls().mknod(path, type | mode, makeDevice(major, minor)), 'mknod', path);
}

/** mkfifo(3). */
export function makeFifo(path: string, mode: number): void {
  check(calls().mkfifo(path, mode), 'mkfifo', path);
}

/** lsetxattr(2): does not follow a symbolic link. */
export function setAttribute(path: string, name: string, value: Uint8Array): void {
  check(calls().lsetxattr(path, name, value, value.length, 0), 'lsetxattr', `${path} ${name}`);
}

/** lgetxattr(2); undefined if the attribute is not there. */
export function getAttribute(path: string, name: string): Buffer | undefined {
  const buffer = Buffer.alloc(65_536);
  const size = calls().lgetxattr(path, name, buffer, buffer.length);
  return size < 0 ? undefined : buffer.subarray(0, size);
}

/** llistxattr(2). */
export function listAttributes(path: string): string[] {
  const buffer = Buffer.alloc(65_536);
  const size = calls().llistxattr(path, buffer, buffer.length);
  return size <= 0 ? [] : buffer.toString('utf8', 0, size - 1).split('\0');
}

/** flock(2) without waiting: whether the lock was taken. The kernel releases it when the descriptor's last copy is closed. */
export function tryLock(fd: number, mode: 'shared' | 'exclusive'): boolean {
  const lockNonBlocking = 4;
  const result = calls().flock(fd, (mode === 'shared' ? 1 : 2) | lockNonBlocking);
  if (result === 0) return true;
  if (calls().errnoName() === 'EAGAIN') return false;
  check(result, 'flock', `fd ${fd}`);
  return false;
}

/** syncfs(2) of the file system that holds `path`, on a thread of the pool. */
export async function syncFileSystem(path: string): Promise<void> {
  const fd = openSync(path, 'r');
  try {
    await new Promise<void>((resolve, reject) =>
      calls().syncfs.async(fd, (error, result) => {
        if (error) reject(error);
        else if (result < 0) reject(new SyscallError('syncfs', 'EIO', path));
        else resolve();
      }),
    );
  } finally {
    closeSync(fd);
  }
}

/** makedev(3) of glibc. */
function makeDevice(major: number, minor: number): bigint {
  const [M, m] = [BigInt(major), BigInt(minor)];
  return ((M & 0xfff_f000n) << 32n) | ((M & 0xfffn) << 8n) | ((m & 0xffff_ff00n) << 12n) | (m & 0xffn);
}

function check(result: number, syscall: string, about: string): void {
  if (result < 0) throw new SyscallError(syscall, calls().errnoName(), about);
}

function calls(): FileCalls {
  if (loaded) return loaded;
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const libc = koffi.load('libc.so.6');
  const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));
  names.set(koffi.os.errno.EAGAIN as number, 'EAGAIN');
  loaded = {
    mknod: libc.func('int mknod(const char *path, uint32_t mode, uint64_t dev)') as never,
    mkfifo: libc.func('int mkfifo(const char *path, uint32_t mode)') as never,
    lsetxattr: libc.func(
      'int lsetxattr(const char *path, const char *name, const uint8_t *value, size_t size, int flags)',
    ) as never,
    lgetxattr: libc.func(
      'long lgetxattr(const char *path, const char *name, _Out_ uint8_t *value, size_t size)',
    ) as never,
    llistxattr: libc.func('long llistxattr(const char *path, _Out_ uint8_t *list, size_t size)') as never,
    flock: libc.func('int flock(int fd, int operation)') as never,
    syncfs: libc.func('int syncfs(int fd)') as never,
    errnoName: () => names.get(koffi.errno()) ?? `errno ${koffi.errno()}`,
  };
  return loaded;
}
