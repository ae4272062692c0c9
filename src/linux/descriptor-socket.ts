import fs from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { getSystemErrorName } from 'node:util';
import { SyscallError } from '../base/errors.ts';

/**
 * Stream sockets over which descriptors are passed (unix(7), SCM_RIGHTS), which Node's do not do. For the few that are
 * open for a moment or silent for long; on the main thread.
 */

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SOCK_FLAGS = 0o2000000 | 0o4000; // close on exec, non-blocking
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_NOSIGNAL = 0x4000;
const O_PATH_DIRECTORY = 0o10000000 | 0o200000;
/** A cmsghdr of a 64-bit kernel: length, level, type (cmsg(3)). */
const controlHead = 16;
/** Most descriptors that are taken with one message. */
const mostDescriptors = 16;

interface Calls {
  socket(domain: number, type: number, protocol: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: null, length: null, flags: number): number;
  recvmsg(fd: number, message: object, flags: number): number;
  sendmsg(fd: number, message: object, flags: number): number;
  errno(): number;
  poll(fd: number, events: { readable: boolean }, fn: () => void): { close(): void };
}

/** The calls, once they were needed. */
let loaded: Calls | undefined;

export function listenDescriptors(socketPath: string): number {
  const fd = checked(calls().socket(AF_UNIX, SOCK_STREAM | SOCK_FLAGS, 0), 'socket', socketPath);
  try {
    withAddress(socketPath, (address, length) => checked(calls().bind(fd, address, length), 'bind', socketPath));
    checked(calls().listen(fd, 1), 'listen', socketPath);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

export function connectDescriptors(socketPath: string): number {
  const fd = checked(calls().socket(AF_UNIX, SOCK_STREAM | SOCK_FLAGS, 0), 'socket', socketPath);
  try {
    withAddress(socketPath, (address, length) => checked(calls().connect(fd, address, length), 'connect', socketPath));
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** A connection that waits, or undefined. */
export const acceptDescriptors = (listener: number, about: string): number | undefined =>
  ready(calls().accept4(listener, null, null, SOCK_FLAGS), 'accept4', about);

/** Calls `fn` whenever there is something to read; the returned function ends that. */
export function whenReadable(fd: number, fn: () => void): () => void {
  const poll = calls().poll(fd, { readable: true }, fn);
  return () => poll.close();
}

/** What has come, with its descriptors, which the caller closes; undefined when that is nothing. Empty at the end. */
export function receive(fd: number, about: string): { bytes: Buffer; descriptors: number[] } | undefined {
  const control = Buffer.alloc(controlHead + 4 * mostDescriptors);
  const data = Buffer.alloc(16 * 1024);
  const length = ready(calls().recvmsg(fd, messageOf(data, control), MSG_CMSG_CLOEXEC), 'recvmsg', about);
  if (length === undefined) return undefined;
  const controlLength = Number(control.readBigUInt64LE(0));
  const count = Math.max(0, Math.floor((controlLength - controlHead) / 4));
  const descriptors = Array.from({ length: count }, (_, i) => control.readInt32LE(controlHead + 4 * i));
  return { bytes: data.subarray(0, length), descriptors };
}

/** Sends all of it, which must fit into the socket's buffer. */
export function send(fd: number, bytes: Uint8Array, about: string, descriptors: number[] = []): void {
  const control = Buffer.alloc(descriptors.length > 0 ? Math.ceil((controlHead + 4 * descriptors.length) / 8) * 8 : 0);
  if (descriptors.length > 0) {
    control.writeBigUInt64LE(BigInt(controlHead + 4 * descriptors.length), 0);
    control.writeInt32LE(SOL_SOCKET, 8);
    control.writeInt32LE(SCM_RIGHTS, 12);
    for (const [i, one] of descriptors.entries()) control.writeInt32LE(one, controlHead + 4 * i);
  }
  checked(calls().sendmsg(fd, messageOf(Buffer.from(bytes), control), MSG_NOSIGNAL), 'sendmsg', about);
}

function messageOf(data: Buffer, control: Buffer): object {
  return {
    ...{ name: null, nameLength: 0, flags: 0 },
    ...{ vector: [{ base: data, length: data.length }], vectorCount: 1 },
    ...{ control: control.length > 0 ? control : null, controlLength: control.length },
  };
}

/** A socket address holds 107 bytes of path: a longer one is reached through its directory's descriptor. */
function withAddress(socketPath: string, use: (address: Buffer, length: number) => void): void {
  const directory = fs.openSync(path.dirname(socketPath), O_PATH_DIRECTORY);
  try {
    const name = `/proc/self/fd/${directory}/${path.basename(socketPath)}`;
    const address = Buffer.alloc(110);
    address.writeUInt16LE(AF_UNIX, 0);
    address.write(name, 2);
    use(address, 2 + Buffer.byteLength(name) + 1);
  } finally {
    fs.closeSync(directory);
  }
}

/** A result, or undefined when the call would have to wait. */
function ready(result: number, syscall: string, about: string): number | undefined {
  return Number(result) < 0 && calls().errno() === constants.errno.EAGAIN ? undefined : checked(result, syscall, about);
}

function checked(result: number, syscall: string, about: string): number {
  if (Number(result) < 0) throw new SyscallError(syscall, getSystemErrorName(-calls().errno()), about);
  return Number(result);
}

function calls(): Calls {
  if (loaded) return loaded;
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const libc = koffi.load('libc.so.6');
  const bind = (prototype: string) => libc.func(prototype) as never;
  koffi.struct('iovec', { base: 'void *', length: 'size_t' });
  koffi.struct('msghdr', {
    ...{ name: 'void *', nameLength: 'uint32_t', vector: 'iovec *', vectorCount: 'size_t' },
    ...{ control: 'void *', controlLength: 'size_t', flags: 'int' },
  });
  loaded = {
    socket: bind('int socket(int domain, int type, int protocol)'),
    connect: bind('int connect(int fd, const void *address, unsigned int length)'),
    bind: bind('int bind(int fd, const void *address, unsigned int length)'),
    listen: bind('int listen(int fd, int backlog)'),
    accept4: bind('int accept4(int fd, void *address, void *length, int flags)'),
    recvmsg: bind('long recvmsg(int fd, msghdr *message, int flags)'),
    sendmsg: bind('long sendmsg(int fd, const msghdr *message, int flags)'),
    errno: () => koffi.errno(),
    poll: (fd, events, fn) => koffi.node.poll(fd, events, fn),
  };
  return loaded;
}
