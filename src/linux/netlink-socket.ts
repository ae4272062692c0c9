import { SyscallError } from '../base/errors.ts';
import { call, errnoName, receiveBytes, sendBytes } from './libc.ts';
import { type NetlinkMessage, NetlinkWriter, readEnd, readMessages } from './netlink-message.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const one = Buffer.from([1, 0, 0, 0]);
const receiveBuffer = Buffer.alloc(1 << 17);

/**
 * A netlink socket of the network namespace that its thread is in when it is made. Requests are synchronous: the kernel
 * has queued every answer when send(2) returns.
 */
export class NetlinkSocket {
  readonly #fd: number;
  /** Last sequence number used. */
  #sequence = 0;

  constructor(protocol: number) {
    this.#fd = call('socket', 'netlink', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    call('setsockopt', 'NETLINK_EXT_ACK', this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, one, 4);
    call('setsockopt', 'NETLINK_CAP_ACK', this.#fd, SOL_NETLINK, NETLINK_CAP_ACK, one, 4);
  }

  /**
   * Sends all messages that `write` makes in one system call and waits for their acknowledgements. `about` names what each
   * message does, in order; the first failure is thrown, with the kernel's extended text.
   */
  request(about: string[], write: (writer: NetlinkWriter) => void): void {
    const writer = new NetlinkWriter(this.#sequence + 1);
    const first = this.#sequence + 1;
    write(writer);
    this.#sequence = writer.lastSequence;
    sendBytes(this.#fd, writer.bytes, 0, about.join(', '));
    let failure: SyscallError | undefined;
    for (let pending = this.#sequence - first + 1; pending > 0; ) {
      for (const message of this.#receive()) {
        const end = readEnd(message);
        if (!end || message.sequence < first) continue;
        pending--;
        if (end.errno && !failure) failure = netlinkError(about[message.sequence - first] ?? about.join(', '), end);
      }
    }
    if (failure) throw failure;
  }

  /** The answers to one dump request. */
  dump(about: string, write: (writer: NetlinkWriter) => void): NetlinkMessage[] {
    const writer = new NetlinkWriter(this.#sequence + 1);
    write(writer);
    this.#sequence = writer.lastSequence;
    sendBytes(this.#fd, writer.bytes, 0, about);
    const answers: NetlinkMessage[] = [];
    for (;;) {
      for (const message of this.#receive()) {
        if (message.sequence !== this.#sequence) continue;
        const end = readEnd(message);
        if (end?.errno) throw netlinkError(about, end);
        if (end) return answers;
        answers.push({ ...message, payload: Buffer.from(message.payload) });
      }
    }
  }

  close(): void {
    call('close', 'netlink', this.#fd);
  }

  #receive(): Iterable<NetlinkMessage> {
    const length = receiveBytes(this.#fd, receiveBuffer, 0, 'netlink') ?? 0;
    return readMessages(receiveBuffer.subarray(0, length));
  }
}

function netlinkError(about: string, { errno, text }: { errno: number; text: string }): SyscallError {
  return new SyscallError('netlink', errnoName(errno), text ? `${about} (${text})` : about);
}
