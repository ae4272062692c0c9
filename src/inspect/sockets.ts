import { readSocketOwners, readSockets, type SocketInfo } from '../linux/proc-sockets.ts';
import type { Process, Snapshot } from './snapshot.ts';

/** A socket with the network namespace it is in and the processes that hold it (none: hidden, or the kernel's own). */
export interface Socket extends SocketInfo {
  network: number;
  processes: Process[];
}

/** All sockets of all network namespaces that have a process; each namespace is read through one of its members. */
export function readAllSockets(snapshot: Snapshot, owners = readSocketOwners(snapshot.processes.keys())): Socket[] {
  const sockets: Socket[] = [];
  for (const { inode, member } of networks(snapshot)) {
    for (const info of readSockets(member)) {
      const processes = (owners.get(info.inode) ?? []).flatMap((pid) => snapshot.processes.get(pid) ?? []);
      sockets.push({ ...info, network: inode, processes });
    }
  }
  return sockets;
}

/** Where namespaces are hidden, ours is all that can be read. */
function networks(snapshot: Snapshot): { inode: number; member: number | 'self' }[] {
  const found: { inode: number; member: number | 'self' }[] = [];
  for (const { inode, kind, members } of snapshot.namespaces.values()) {
    const alive = members.find(({ state }) => state !== 'Z');
    if (kind === 'net' && alive) found.push({ inode, member: alive.pid });
  }
  return found.length > 0 ? found : [{ inode: 0, member: 'self' }];
}

/** '0.0.0.0:80', '[::]:80', '/run/x.sock'. */
export function describeLocal({ protocol, path, localAddress, localPort }: SocketInfo): string {
  return protocol === 'unix' ? (path ?? '(unnamed)') : formatAddress(localAddress, localPort);
}

export function formatAddress(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Ready for others to connect or send to; unconnected UDP sockets too. */
export function isListening({ protocol, state, localPort }: SocketInfo): boolean {
  return state === 'LISTEN' || (protocol === 'udp' && state === 'UNCONN' && localPort > 0);
}

/** '0.0.0.0' and '::' are every address of the namespace. */
export const isAnyAddress = (address: string): boolean => address === '0.0.0.0' || address === '::';

export const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';
