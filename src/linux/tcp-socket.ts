import { insideNetworkNamespace } from './enter-namespace.ts';
import { call } from './libc.ts';

const families = { '127.0.0.1': 2, '::1': 10 };
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;

export type Loopback = keyof typeof families;

/** An unconnected TCP socket that belongs to the network namespace pinned at `pin`, for the calling thread's process to use. */
export function openTcpSocket(pin: string, address: Loopback): number {
  return insideNetworkNamespace(pin, () =>
    call('socket', pin, families[address], SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
  );
}
