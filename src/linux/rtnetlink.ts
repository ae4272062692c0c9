import type { LinkInfo, Route, RouteInfo } from './linux.ts';
import {
  type NetlinkMessage,
  type NetlinkWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  readAttributes,
  readString,
} from './netlink-message.ts';

/** rtnetlink(7) requests and answers, IPv4. Numbers are from <linux/rtnetlink.h>, <linux/if_link.h>, <linux/if_addr.h>, <linux/neighbour.h>. */
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTM_NEWNEIGH = 28;
const AF_INET = 2;
const IFF_UP = 1;
const IFLA = { ADDRESS: 1, IFNAME: 3, MTU: 4, MASTER: 10, LINKINFO: 18, NET_NS_FD: 28 };
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PREFSRC: 7, TABLE: 15 };
const mainTable = 254;
const localTable = 255;
const routeTypes = { unicast: 1, local: 2, blackhole: 6, unreachable: 7 } as const;
const scope = { universe: 0, link: 253, host: 254 };
const RTPROT_BOOT = 3;

export interface VethSpec {
  name: string;
  /** @default the kernel chooses */
  mac?: string;
  mtu: number;
  /** Where this end is. @default the namespace of the socket */
  netnsFd?: number;
  peer: { name: string; mac?: string; netnsFd: number };
}

export function addVeth(writer: NetlinkWriter, spec: VethSpec): void {
  writer.message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, linkHeader(0, IFF_UP), (link) => {
    link.string(IFLA.IFNAME, spec.name).u32(IFLA.MTU, spec.mtu);
    if (spec.mac) link.attribute(IFLA.ADDRESS, macBytes(spec.mac));
    if (spec.netnsFd !== undefined) link.u32(IFLA.NET_NS_FD, spec.netnsFd);
    link.nest(IFLA.LINKINFO, (info) => {
      info.string(1, 'veth').nest(2, (data) => {
        const peer = (attributes: NetlinkWriter) => {
          attributes.string(IFLA.IFNAME, spec.peer.name);
          if (spec.peer.mac) attributes.attribute(IFLA.ADDRESS, macBytes(spec.peer.mac));
          attributes.u32(IFLA.MTU, spec.mtu).u32(IFLA.NET_NS_FD, spec.peer.netnsFd);
        };
        data.nest(1, peer, linkHeader(0, 0));
      });
    });
  });
}

/** A link of a kind that needs no parameters: 'dummy', 'bridge'. */
export function addPlainLink(writer: NetlinkWriter, name: string, kind: string): void {
  writer.message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, linkHeader(0, IFF_UP), (link) =>
    link.string(IFLA.IFNAME, name).nest(IFLA.LINKINFO, (info) => info.string(1, kind)),
  );
}

export function setLinkUp(writer: NetlinkWriter, index: number): void {
  writer.message(RTM_NEWLINK, NLM_F_ACK, linkHeader(index, IFF_UP));
}

/** Makes a link a port of a bridge. */
export function setMaster(writer: NetlinkWriter, index: number, bridge: number): void {
  writer.message(RTM_NEWLINK, NLM_F_ACK, linkHeader(index, IFF_UP), (link) => link.u32(IFLA.MASTER, bridge));
}

export function deleteLink(writer: NetlinkWriter, index: number): void {
  writer.message(RTM_DELLINK, NLM_F_ACK, linkHeader(index, 0));
}

export function addAddress(
  writer: NetlinkWriter,
  index: number,
  cidr: string,
  flags = NLM_F_CREATE | NLM_F_EXCL,
): void {
  addressMessage(writer, RTM_NEWADDR, NLM_F_ACK | flags, index, cidr);
}

export function deleteAddress(writer: NetlinkWriter, index: number, cidr: string): void {
  addressMessage(writer, RTM_DELADDR, NLM_F_ACK, index, cidr);
}

function addressMessage(writer: NetlinkWriter, type: number, flags: number, index: number, cidr: string): void {
  const { address, length } = parseCidr(cidr);
  const header = Buffer.alloc(8);
  header.set([AF_INET, length, 0, scope.universe]);
  header.writeUInt32LE(index, 4);
  writer.message(type, flags, header, (it) => it.attribute(2, address).attribute(1, address)); // IFA_LOCAL, IFA_ADDRESS
}

export interface RouteSpec {
  destination: string;
  index?: number;
  type?: Route['type'];
  gateway?: string;
  source?: string;
}

export function replaceRoute(writer: NetlinkWriter, route: RouteSpec): void {
  routeMessage(writer, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, route);
}

export function deleteRoute(writer: NetlinkWriter, route: RouteSpec): void {
  routeMessage(writer, RTM_DELROUTE, NLM_F_ACK, route);
}

function routeMessage(writer: NetlinkWriter, type: number, flags: number, route: RouteSpec): void {
  const { address, length } = parseCidr(route.destination);
  const kind = route.type ?? 'unicast';
  const table = kind === 'local' ? localTable : mainTable;
  const reach = kind === 'local' ? scope.host : route.gateway || kind !== 'unicast' ? scope.universe : scope.link;
  const header = Buffer.from([AF_INET, length, 0, 0, table, RTPROT_BOOT, reach, routeTypes[kind], 0, 0, 0, 0]);
  if (type === RTM_DELROUTE) header.set([0, scope.universe, routeTypes[kind]], 5);
  if (type === RTM_DELROUTE && kind === 'unicast') header[6] = 255; // RT_SCOPE_NOWHERE: any
  writer.message(type, flags, header, (it) => {
    it.attribute(RTA.DST, address);
    if (route.index) it.u32(RTA.OIF, route.index);
    if (route.gateway) it.attribute(RTA.GATEWAY, ipBytes(route.gateway));
    if (route.source) it.attribute(RTA.PREFSRC, ipBytes(route.source));
  });
}

/** A neighbour entry that needs no ARP and never expires. */
export function addPermanentNeighbour(writer: NetlinkWriter, index: number, address: string, mac: string): void {
  const NUD_PERMANENT = 0x80;
  const header = Buffer.alloc(12);
  header[0] = AF_INET;
  header.writeUInt32LE(index, 4);
  header.writeUInt16LE(NUD_PERMANENT, 8);
  writer.message(
    RTM_NEWNEIGH,
    NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    header,
    (it) => it.attribute(1, ipBytes(address)).attribute(2, macBytes(mac)), // NDA_DST, NDA_LLADDR
  );
}

export function dumpLinks(writer: NetlinkWriter): void {
  writer.message(RTM_GETLINK, NLM_F_DUMP, linkHeader(0, 0));
}

export function dumpAddresses(writer: NetlinkWriter): void {
  writer.message(RTM_GETADDR, NLM_F_DUMP, Buffer.from([AF_INET, 0, 0, 0, 0, 0, 0, 0]));
}

export function dumpRoutes(writer: NetlinkWriter): void {
  writer.message(RTM_GETROUTE, NLM_F_DUMP, Buffer.from([AF_INET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
}

export function readLink(message: NetlinkMessage): LinkInfo {
  const attributes = readAttributes(message.payload, 16);
  const info = attributes.get(IFLA.LINKINFO);
  const kind = info && readAttributes(info).get(1);
  const mac = attributes.get(IFLA.ADDRESS);
  return {
    name: readString(attributes.get(IFLA.IFNAME) ?? Buffer.alloc(0)),
    index: message.payload.readInt32LE(4),
    up: (message.payload.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: attributes.get(IFLA.MTU)?.readUInt32LE(0) ?? 0,
    mac: mac ? [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':') : '',
    kind: kind ? readString(kind) : '',
  };
}

export function readAddress(message: NetlinkMessage): { index: number; address: string; prefixLength: number } {
  const attributes = readAttributes(message.payload, 8);
  return {
    index: message.payload.readUInt32LE(4),
    address: ipText(attributes.get(2) ?? attributes.get(1)),
    prefixLength: message.payload[1]!,
  };
}

/** undefined for routes of other tables than main. */
export function readRoute(message: NetlinkMessage): (Omit<RouteInfo, 'link'> & { index?: number }) | undefined {
  const attributes = readAttributes(message.payload, 12);
  const table = attributes.get(RTA.TABLE)?.readUInt32LE(0) ?? message.payload[4];
  if (table !== mainTable) return undefined;
  const destination = attributes.get(RTA.DST);
  const type = (Object.keys(routeTypes) as (keyof typeof routeTypes)[]).find(
    (name) => routeTypes[name] === message.payload[7],
  );
  const gateway = attributes.get(RTA.GATEWAY);
  const source = attributes.get(RTA.PREFSRC);
  return {
    destination: `${destination ? ipText(destination) : '0.0.0.0'}/${message.payload[1]}`,
    index: attributes.get(RTA.OIF)?.readUInt32LE(0),
    type: type ?? 'unicast',
    ...(gateway && { gateway: ipText(gateway) }),
    ...(source && { source: ipText(source) }),
  };
}

function linkHeader(index: number, up: number): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(up, 8);
  header.writeUInt32LE(up, 12);
  return header;
}

export function ipBytes(address: string): Buffer {
  const bytes = address.split('.').map(Number);
  if (bytes.length !== 4 || !bytes.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255)) {
    throw new Error(`invalid IPv4 address '${address}'`);
  }
  return Buffer.from(bytes);
}

const ipText = (bytes: Buffer | undefined) => (bytes ? [...bytes].join('.') : '');

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

function parseCidr(cidr: string): { address: Buffer; length: number } {
  const [address = '', length = '32'] = cidr.split('/');
  return { address: ipBytes(address), length: Number(length) };
}
