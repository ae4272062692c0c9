import fs from 'node:fs';
import { pageSize } from './page-size.ts';
import { readText } from './read-text.ts';

export type SocketProtocol = 'tcp' | 'udp' | 'unix';

/** One socket of a network namespace, from /proc/PID/net/{tcp,tcp6,udp,udp6,unix} (proc_pid_net(5)). */
export interface SocketInfo {
  protocol: SocketProtocol;
  /** ss(8)'s word: 'LISTEN', 'ESTAB', 'UNCONN', … */
  state: string;
  localAddress: string;
  localPort: number;
  remoteAddress: string;
  remotePort: number;
  uid: number;
  /** Ties the socket to descriptors: 'socket:[inode]'. 0 for those that no process holds any more. */
  inode: number;
  /** Of UNIX sockets; abstract ones begin with '@'. */
  path?: string;
  /** Waiting to be accepted, of listening TCP sockets. */
  queued?: number;
}

/** include/net/tcp_states.h, in the words of ss(8). */
const tcpStates = [
  '',
  'ESTAB',
  'SYN-SENT',
  'SYN-RECV',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'UNCONN',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
  'NEW-SYN-RECV',
];

/** The sockets of the network namespace that the process is in. A namespace that is gone or hidden has none. */
export function readSockets(pid: number | 'self', protocols: SocketProtocol[] = ['tcp', 'udp', 'unix']): SocketInfo[] {
  const counts = readOr(`/proc/${pid}/net/sockstat`) + readOr(`/proc/${pid}/net/sockstat6`);
  // To list TCP the kernel walks the hash table of the whole machine, a millisecond or more: not where there is none.
  const read = (name: string) =>
    counts.includes(`${name.toUpperCase()}: inuse 0`) ? '' : readTable(`/proc/${pid}/net/${name}`);
  return protocols.flatMap((protocol) =>
    protocol === 'unix'
      ? parseUnixSockets(read('unix'))
      : [...parseInetSockets(read(protocol), protocol), ...parseInetSockets(read(`${protocol}6`), protocol)],
  );
}

/** Content of the table that is read; parsers copy out what they keep. */
let table = Buffer.allocUnsafe(1 << 16);
/** More than any line of these tables is long. */
const longestLine = 512;

/**
 * Reads to the end, but not beyond: only to say that there is no more, the kernel walks its hash table once again. It fills
 * a page with whole lines as long as there are any (seq_read_iter in fs/seq_file.c), so one with room left is the last.
 */
function readTable(file: string): string {
  let fd: number;
  try {
    fd = fs.openSync(file, 'r');
  } catch {
    return '';
  }
  try {
    let length = 0;
    for (;;) {
      if (table.length - length < pageSize * 2) table = Buffer.concat([table, Buffer.allocUnsafe(table.length)]);
      const read = fs.readSync(fd, table, length, table.length - length, null);
      length += read;
      if (read < pageSize - longestLine) return table.toString('utf8', 0, length);
    }
  } catch {
    return '';
  } finally {
    fs.closeSync(fd);
  }
}

export function parseInetSockets(text: string, protocol: 'tcp' | 'udp'): SocketInfo[] {
  const sockets: SocketInfo[] = [];
  for (const line of text.split('\n').slice(1)) {
    const [, local, remote, state, queues, , , uid, , inode] = line.trim().split(/\s+/);
    if (!local || !remote || !state) continue;
    const listening = protocol === 'tcp' && state === '0A';
    sockets.push({
      protocol,
      state: tcpStates[Number.parseInt(state, 16)] ?? state,
      ...endpoint('local', local),
      ...endpoint('remote', remote),
      uid: Number(uid),
      inode: Number(inode),
      ...(listening && { queued: Number.parseInt(queues?.split(':')[1] ?? '0', 16) }),
    } as SocketInfo);
  }
  return sockets;
}

function endpoint(side: 'local' | 'remote', text: string): Record<string, string | number> {
  const [address = '', port = '0'] = text.split(':');
  return { [`${side}Address`]: parseAddress(address), [`${side}Port`]: Number.parseInt(port, 16) };
}

/** The kernel prints 32-bit words in host order; all machines that we run on are little endian. */
function parseAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)),
  );
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255)
    return bytes.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  return shorten(groups);
}

/** The longest run of zeros becomes '::' (RFC 5952, section 4.2). */
function shorten(groups: string[]): string {
  let best = { at: -1, length: 1 };
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (groups[end] === '0') end++;
    if (end - i > best.length) best = { at: i, length: end - i };
  }
  if (best.at < 0) return groups.join(':');
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`;
}

/** Flag of a listening UNIX socket (__SO_ACCEPTCON). */
const acceptsConnections = 0x10000;

export function parseUnixSockets(text: string): SocketInfo[] {
  const sockets: SocketInfo[] = [];
  for (const line of text.split('\n').slice(1)) {
    const match = /^\S+: \S+ \S+ (\S+) \S+ (\S+) +(\d+)(?: (.*))?$/.exec(line);
    if (!match) continue;
    const [, flags = '0', state, inode, path] = match;
    sockets.push({
      protocol: 'unix',
      state: Number.parseInt(flags, 16) & acceptsConnections ? 'LISTEN' : state === '03' ? 'ESTAB' : 'UNCONN',
      localAddress: '',
      localPort: 0,
      remoteAddress: '',
      remotePort: 0,
      uid: -1,
      inode: Number(inode),
      ...(path !== undefined && { path }),
    });
  }
  return sockets;
}

/** Who holds each socket: inode to pids. What we may not see is left out. */
export function readSocketOwners(pids: Iterable<number>): Map<number, number[]> {
  const owners = new Map<number, number[]>();
  for (const pid of pids) addSocketOwner(owners, pid, readDescriptors(pid));
  return owners;
}

/** For those who have read the descriptors already. */
export function addSocketOwner(owners: Map<number, number[]>, pid: number, descriptors: Descriptor[]): void {
  for (const { target } of descriptors) {
    if (!target.startsWith('socket:[')) continue;
    const inode = Number(target.slice(8, -1));
    const holders = owners.get(inode);
    if (!holders) owners.set(inode, [pid]);
    else if (holders.at(-1) !== pid) holders.push(pid);
  }
}

export interface Descriptor {
  fd: number;
  /** '/var/log/x', 'socket:[123]', 'pipe:[5]', 'anon_inode:[eventpoll]'; ' (deleted)' at the end of files that are gone. */
  target: string;
}

/** Open descriptors of a process; none when it is gone or not ours to see. */
export function readDescriptors(pid: number): Descriptor[] {
  const directory = `/proc/${pid}/fd`;
  let names: string[];
  try {
    names = fs.readdirSync(directory);
  } catch {
    return [];
  }
  const descriptors: Descriptor[] = [];
  for (const fd of names) {
    try {
      descriptors.push({ fd: Number(fd), target: fs.readlinkSync(`${directory}/${fd}`) });
    } catch {
      // Closed meanwhile.
    }
  }
  return descriptors;
}

function readOr(file: string): string {
  try {
    return readText(file);
  } catch {
    return '';
  }
}
