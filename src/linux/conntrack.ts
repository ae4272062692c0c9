import { SyscallError } from '../base/errors.ts';
import type { FlowTarget } from './linux.ts';
import { NLM_F_ACK, NLM_F_DUMP, readAttributes } from './netlink-message.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import { ipBytes } from './rtnetlink.ts';

/** Connection tracking over nfnetlink (<linux/netfilter/nfnetlink_conntrack.h>). */
const NETLINK_NETFILTER = 12;
const CT_GET = (1 << 8) | 1;
const CT_DELETE = (1 << 8) | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const NLA_F_NESTED = 0x8000;
/** struct nfgenmsg: AF_INET, version 0. */
const ipv4Header = Buffer.from([2, 0, 0, 0]);
const protocolNumbers = { udp: 17, sctp: 132 };

/** Forgets translated flows that end at these targets; returns how many there were. */
export function forgetFlows(targets: FlowTarget[]): number {
  const wanted = new Set(
    targets.map(
      ({ protocol, address, port }) => `${protocolNumbers[protocol]} ${ipBytes(address).toString('hex')} ${port}`,
    ),
  );
  const socket = new NetlinkSocket(NETLINK_NETFILTER);
  try {
    let forgotten = 0;
    for (const { payload } of socket.dump('list flows', (writer) => writer.message(CT_GET, NLM_F_DUMP, ipv4Header))) {
      const flow = readAttributes(payload, ipv4Header.length);
      const original = flow.get(CTA_TUPLE_ORIG);
      const reply = flow.get(CTA_TUPLE_REPLY);
      // The reply comes from the endpoint; where the original went there too, nothing was translated.
      if (!original || !reply || !wanted.has(endOf(reply, 1)) || endOf(original, 2) === endOf(reply, 1)) continue;
      if (deleteFlow(socket, original)) forgotten++;
    }
    return forgotten;
  } finally {
    socket.close();
  }
}

/** 'protocol address port' of a tuple's source (1) or destination (2). */
function endOf(tuple: Buffer, side: 1 | 2): string {
  const parts = readAttributes(tuple);
  const address = readAttributes(parts.get(1) ?? Buffer.alloc(0)).get(side);
  const protocol = readAttributes(parts.get(2) ?? Buffer.alloc(0));
  return `${protocol.get(1)?.[0]} ${address?.toString('hex')} ${protocol.get(side + 1)?.readUInt16BE(0)}`;
}

function deleteFlow(socket: NetlinkSocket, original: Buffer): boolean {
  try {
    socket.request(['forget flow'], (writer) =>
      writer.message(CT_DELETE, NLM_F_ACK, ipv4Header, (it) => it.attribute(CTA_TUPLE_ORIG | NLA_F_NESTED, original)),
    );
    return true;
  } catch (error) {
    if (error instanceof SyscallError && error.code === 'ENOENT') return false; // ended meanwhile
    throw error;
  }
}
