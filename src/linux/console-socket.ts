import fs from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { getSystemErrorName } from 'node:util';
import { SyscallError } from '../base/errors.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_FLAGS = 0o2000000 | 0o4000; // close on exec, non-blocking
const MSG_CMSG_CLOEXEC = 0x40000000;
const O_PATH_DIRECTORY = 0o10000000 | 0o200000;
/** A cmsghdr of a 64-bit kernel (length, level, type) with one descriptor behind it, padded (cmsg(3)). */
const controlBytes = 24;

interface Calls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: null, length: null, flags: number): number;
  recvmsg(fd: number, message: object, flags: number): number;
  errno(): number;
  poll(fd: number, events: { readable: boolean }, fn: () => void): { close(): void };
}

/** The calls, once they were needed. */
let loaded: Calls | undefined;

/** A socket to which an OCI runtime sends the terminal that it has made (runc docs/terminals.md). */
export class ConsoleSocket {
  readonly #path: string;
  readonly #terminal = Promise.withResolvers<number | undefined>();
  readonly #listener: number;
  /** The runtime's connection, once it is there. */
  #connection: number | undefined;
  /** What is waited for; undefined when nothing is any more. */
  #poll: { close(): void } | undefined;

  /** Listens at a path, which Node cannot do for descriptors that are passed (unix(7), SCM_RIGHTS). */
  constructor(socketPath: string) {
    this.#path = socketPath;
    this.#listener = checked(calls().socket(AF_UNIX, SOCK_STREAM | SOCK_FLAGS, 0), 'socket', socketPath);
    try {
      bindUnix(this.#listener, socketPath);
      checked(calls().listen(this.#listener, 1), 'listen', socketPath);
    } catch (error) {
      fs.closeSync(this.#listener);
      throw error;
    }
    this.#await(this.#listener);
  }

  /** The terminal's master side, which the caller closes; undefined when none has come before `finish`. */
  get terminal(): Promise<number | undefined> {
    return this.#terminal.promise;
  }

  /** The runtime has ended: what it has sent is there already. */
  finish(): void {
    if (!this.#poll) return;
    this.#look();
    this.#end(undefined);
  }

  #await(fd: number): void {
    this.#poll?.close();
    this.#poll = calls().poll(fd, { readable: true }, () => this.#look());
  }

  /** Takes the next step, if it can be taken now. */
  #look(): void {
    try {
      if (this.#connection === undefined) {
        this.#connection = ready(calls().accept4(this.#listener, null, null, SOCK_FLAGS), 'accept4', this.#path);
        if (this.#connection === undefined) return;
        this.#await(this.#connection);
      }
      const terminal = receiveDescriptor(this.#connection, this.#path);
      if (terminal !== undefined) this.#end(terminal);
    } catch (error) {
      this.#terminal.reject(error);
      this.#end(undefined);
    }
  }

  #end(terminal: number | undefined): void {
    if (!this.#poll) return;
    this.#poll.close();
    this.#poll = undefined;
    fs.closeSync(this.#listener);
    if (this.#connection !== undefined) fs.closeSync(this.#connection);
    fs.rmSync(this.#path, { force: true });
    this.#terminal.resolve(terminal);
  }
}

/** A socket address holds 107 bytes of path: a longer one is reached through its directory's descriptor. */
function bindUnix(fd: number, socketPath: string): void {
  const directory = fs.openSync(path.dirname(socketPath), O_PATH_DIRECTORY);
  try {
    const name = `/proc/self/fd/${directory}/${path.basename(socketPath)}`;
    const address = Buffer.alloc(110);
    address.writeUInt16LE(AF_UNIX, 0);
    address.write(name, 2);
    checked(calls().bind(fd, address, 2 + Buffer.byteLength(name) + 1), 'bind', socketPath);
  } finally {
    fs.closeSync(directory);
  }
}

function receiveDescriptor(connection: number, socketPath: string): number | undefined {
  const control = Buffer.alloc(controlBytes);
  const data = Buffer.alloc(4096); // a name of the terminal, of no interest
  const message = {
    ...{ name: null, nameLength: 0, flags: 0 },
    vector: [{ base: data, length: data.length }],
    vectorCount: 1,
    control,
    controlLength: control.length,
  };
  const length = ready(calls().recvmsg(connection, message, MSG_CMSG_CLOEXEC), 'recvmsg', socketPath);
  if (length === undefined) return undefined;
  if (Number(control.readBigUInt64LE(0)) < 20) throw new SyscallError('recvmsg', 'ENOMSG', socketPath);
  return control.readInt32LE(16);
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
    bind: bind('int bind(int fd, const void *address, unsigned int length)'),
    listen: bind('int listen(int fd, int backlog)'),
    accept4: bind('int accept4(int fd, void *address, void *length, int flags)'),
    recvmsg: bind('long recvmsg(int fd, msghdr *message, int flags)'),
    errno: () => koffi.errno(),
    poll: (fd, events, fn) => koffi.node.poll(fd, events, fn),
  };
  return loaded;
}
