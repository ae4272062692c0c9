import { type NetlinkWriter, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from './netlink-message.ts';

/** Traffic control by rtnetlink (tc(8)). Numbers are from <linux/rtnetlink.h>, <linux/pkt_sched.h>, <linux/pkt_cls.h>. */
const RTM_NEWQDISC = 36;
const RTM_NEWTFILTER = 44;
const TC_H_ROOT = 0xffffffff;
const TC_H_INGRESS = 0xfffffff1;
const ingressHandle = 0xffff0000;
const TCA = { KIND: 1, OPTIONS: 2 };
const ETH_P_ALL = 3;

/** Longest that a packet waits for tokens, in milliseconds (as CNI's bandwidth plugin). */
const latencyMs = 25;
/** What may pass at once: so much time's worth, but some whole packets at least. */
const burstMs = 20;
const leastBurstBytes = 24_000;

/** A token bucket as the root of a link's queues: what the link sends is held to a rate (tc-tbf(8)). */
export function addTokenBucket(writer: NetlinkWriter, index: number, bitsPerSecond: number): void {
  const bytesPerSecond = Math.floor(bitsPerSecond / 8);
  const burst = Math.min(2 ** 31 - 1, Math.max(leastBurstBytes, Math.floor((bytesPerSecond * burstMs) / 1000)));
  const limit = Math.min(2 ** 32 - 1, burst + Math.floor((bytesPerSecond * latencyMs) / 1000));
  // struct tc_tbf_qopt: rate, peak rate, limit, buffer, mtu.
  const parameters = Buffer.alloc(36);
  parameters[1] = 1; // TC_LINKLAYER_ETHERNET
  parameters.writeUInt32LE(Math.min(bytesPerSecond, 2 ** 32 - 1), 8);
  parameters.writeUInt32LE(limit, 24);
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  writer.message(RTM_NEWQDISC, flags, trafficHeader(index, { handle: 0x10000, parent: TC_H_ROOT }), (qdisc) =>
    qdisc.string(TCA.KIND, 'tbf').nest(TCA.OPTIONS, (options) => {
      options.attribute(1, parameters);
      // Rates above 4 GB/s do not fit into the old field.
      if (bytesPerSecond >= 2 ** 32) options.attribute(4, u64(bytesPerSecond));
      options.u32(6, burst);
    }),
  );
}

/** Sends all that a link receives through another one, which can hold it to a rate (tc-mirred(8), ifb). */
export function redirectIngress(writer: NetlinkWriter, index: number, target: number): void {
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  writer.message(RTM_NEWQDISC, flags, trafficHeader(index, { handle: ingressHandle, parent: TC_H_INGRESS }), (qdisc) =>
    qdisc.string(TCA.KIND, 'ingress'),
  );
  // Priority 1, every protocol, in network order.
  const info = (1 << 16) | (ETH_P_ALL << 8);
  writer.message(RTM_NEWTFILTER, flags, trafficHeader(index, { handle: 0, parent: ingressHandle, info }), (filter) =>
    filter.string(TCA.KIND, 'u32').nest(TCA.OPTIONS, (options) => {
      options.attribute(5, matchAll());
      options.nest(7, (actions) =>
        actions.nest(1, (action) => action.string(1, 'mirred').nest(2, (own) => own.attribute(2, redirectTo(target)))),
      );
    }),
  );
}

/** struct tcmsg. */
function trafficHeader(
  index: number,
  { handle, parent, info = 0 }: { handle: number; parent: number; info?: number },
): Buffer {
  const header = Buffer.alloc(20);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(handle, 8);
  header.writeUInt32LE(parent, 12);
  header.writeUInt32LE(info, 16);
  return header;
}

/** struct tc_u32_sel with one key whose mask is empty. */
function matchAll(): Buffer {
  const selector = Buffer.alloc(32);
  selector[0] = 1; // TC_U32_TERMINAL
  selector[2] = 1;
  return selector;
}

/** struct tc_mirred: stolen from here, sent out there. */
function redirectTo(index: number): Buffer {
  const TC_ACT_STOLEN = 4;
  const TCA_EGRESS_REDIR = 1;
  const parameters = Buffer.alloc(28);
  parameters.writeInt32LE(TC_ACT_STOLEN, 8);
  parameters.writeInt32LE(TCA_EGRESS_REDIR, 20);
  parameters.writeUInt32LE(index, 24);
  return parameters;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
