import fs from 'node:fs';
import path from 'node:path';
import { SyscallError } from '../base/errors.ts';
import { call, type PollHandle, pollFd, receiveBytes, sendBytes } from './libc.ts';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;
const O_PATH_DIRECTORY = 0o10000000 | 0o200000;
const packets = Buffer.alloc(64 * 1024);

export interface PacketEvents {
  packet(connection: number, data: Uint8Array): void;
  drained(connection: number): void;
  closed(connection: number, error?: SyscallError): void;
}

interface Connection {
  fd: number;
  poll: PollHandle;
  /** Packets that the socket did not take yet, in order. */
  unsent: Uint8Array[];
  paused: boolean;
}

/** AF_UNIX SOCK_SEQPACKET connections (unix(7)), which Node's net module does not have: conmon's attach socket is one. */
export class SeqpacketConnections {
  /** Open connections by number. */
  readonly #connections = new Map<number, Connection>();
  readonly #events: PacketEvents;

  constructor(events: PacketEvents) {
    this.#events = events;
  }

  open(id: number, socketPath: string): void {
    const fd = call('socket', socketPath, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    try {
      connectUnix(fd, socketPath);
    } catch (error) {
      call('close', socketPath, fd);
      throw error;
    }
    const connection: Connection = { fd, poll: { close() {} }, unsent: [], paused: false };
    this.#connections.set(id, connection);
    this.#poll(id, connection);
  }

  write(id: number, data: Uint8Array): void {
    const connection = this.#connections.get(id);
    if (!connection) return;
    connection.unsent.push(data);
    if (connection.unsent.length === 1) this.#flush(id, connection);
  }

  pause(id: number, paused: boolean): void {
    const connection = this.#connections.get(id);
    if (!connection || connection.paused === paused) return;
    connection.paused = paused;
    this.#poll(id, connection);
  }

  /** Tells the peer that nothing more will be written (shutdown(2)); packets still come. The caller has waited for `drained`. */
  finish(id: number): void {
    const connection = this.#connections.get(id);
    if (connection) call('shutdown', 'seqpacket socket', connection.fd, SHUT_WR);
  }

  close(id: number, error?: SyscallError): void {
    const connection = this.#connections.get(id);
    if (!connection) return;
    this.#connections.delete(id);
    connection.poll.close();
    call('close', 'seqpacket socket', connection.fd);
    this.#events.closed(id, error);
  }

  closeAll(): void {
    for (const id of [...this.#connections.keys()]) this.close(id);
  }

  /** Waits for what the connection's state asks for: room while something is unsent, packets unless paused. */
  #poll(id: number, connection: Connection): void {
    connection.poll.close();
    const events = { readable: !connection.paused, writable: connection.unsent.length > 0 };
    connection.poll = pollFd(connection.fd, events, () => {
      if (connection.unsent.length > 0) this.#flush(id, connection);
      if (!connection.paused && this.#connections.has(id)) this.#receive(id, connection);
    });
  }

  #flush(id: number, connection: Connection): void {
    const waited = connection.unsent.length > 0;
    try {
      while (connection.unsent[0]) {
        if (sendBytes(connection.fd, connection.unsent[0], MSG_NOSIGNAL, 'packet') === undefined) {
          this.#poll(id, connection);
          return;
        }
        connection.unsent.shift();
      }
    } catch (error) {
      this.close(id, error as SyscallError);
      return;
    }
    if (waited) this.#events.drained(id);
    this.#poll(id, connection);
  }

  #receive(id: number, connection: Connection): void {
    try {
      // A bounded number, so that one busy connection cannot starve the thread.
      for (let i = 0; i < 64 && !connection.paused; i++) {
        const length = receiveBytes(connection.fd, packets, 0, 'packet');
        if (length === undefined) return;
        if (length === 0) {
          this.close(id);
          return;
        }
        this.#events.packet(id, new Uint8Array(packets.subarray(0, length)));
      }
    } catch (error) {
      const reset = error instanceof SyscallError && error.code === 'ECONNRESET';
      this.close(id, reset ? undefined : (error as SyscallError));
    }
  }
}

/** A socket address holds 107 bytes of path: a longer one is reached through its directory's descriptor. */
function connectUnix(fd: number, socketPath: string): void {
  let directory: number | undefined;
  let name = socketPath;
  if (Buffer.byteLength(name) > 107) {
    directory = fs.openSync(path.dirname(socketPath), O_PATH_DIRECTORY);
    name = `/proc/self/fd/${directory}/${path.basename(socketPath)}`;
  }
  try {
    const address = Buffer.alloc(110);
    address.writeUInt16LE(AF_UNIX, 0);
    address.write(name, 2);
    call('connect', socketPath, fd, address, 2 + Buffer.byteLength(name) + 1);
  } finally {
    if (directory !== undefined) fs.closeSync(directory);
  }
}
