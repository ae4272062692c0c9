import fs from 'node:fs';
import { SyscallError } from '../base/errors.ts';
import { insideNetworkNamespace } from './enter-namespace.ts';
import { linkIndex } from './libc.ts';
import type { BandwidthLimit, LinkInfo, PodAttachment, Route, RouteInfo, SwitchPlug } from './linux.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import * as rt from './rtnetlink.ts';
import * as tc from './traffic-control.ts';

const NETLINK_ROUTE = 0;

/** The socket in the host's network namespace, made at first use and kept. */
let hostSocket: NetlinkSocket | undefined;

function host(): NetlinkSocket {
  hostSocket ??= new NetlinkSocket(NETLINK_ROUTE);
  return hostSocket;
}

/** In a network namespace just made, `lo` has index 1 and is down. */
export function setLoopbackUp(): void {
  withSocket((socket) => socket.request(['set lo up'], (writer) => rt.setLinkUp(writer, 1)));
}

function withSocket(fn: (socket: NetlinkSocket) => void): void {
  const socket = new NetlinkSocket(NETLINK_ROUTE);
  try {
    fn(socket);
  } finally {
    socket.close();
  }
}

/** Everything a Pod's network needs, in three requests: the pair, the Pod's side, the host's side. */
export function attachPod(pod: PodAttachment): void {
  const netnsFd = fs.openSync(pod.netns, 'r');
  try {
    const peer = { name: 'eth0', mac: pod.podMac, netnsFd };
    const veth = { name: pod.hostLink, mac: pod.hostMac, mtu: pod.mtu ?? 1500, peer };
    host().request([`add link ${pod.hostLink}`], (writer) => rt.addVeth(writer, veth));
  } finally {
    fs.closeSync(netnsFd);
  }
  try {
    insideNetworkNamespace(pod.netns, () => withSocket((socket) => configurePodSide(socket, pod)));
    configureHostSide(pod);
  } catch (error) {
    deleteLink(pod.hostLink);
    throw error;
  }
}

function configurePodSide(socket: NetlinkSocket, { address, gateway, hostMac }: PodAttachment): void {
  const index = requireIndex('eth0');
  const steps = [
    'set eth0 up',
    `add address ${address}`,
    `add route ${gateway}`,
    'add default route',
    `add neighbour ${gateway}`,
  ];
  socket.request(steps, (writer) => {
    rt.setLinkUp(writer, index);
    rt.addAddress(writer, index, `${address}/32`);
    rt.replaceRoute(writer, { destination: `${gateway}/32`, index });
    rt.replaceRoute(writer, { destination: '0.0.0.0/0', index, gateway });
    rt.addPermanentNeighbour(writer, index, gateway, hostMac);
  });
}

function configureHostSide({ hostLink, address, podMac, hostAddress }: PodAttachment): void {
  const index = requireIndex(hostLink);
  host().request([`add route ${address} by ${hostLink}`, `add neighbour ${address} on ${hostLink}`], (writer) => {
    rt.replaceRoute(writer, { destination: `${address}/32`, index, source: hostAddress });
    rt.addPermanentNeighbour(writer, index, address, podMac);
  });
}

/** Removing the pair removes its queues; only the shaper is a link of its own. */
export function limitBandwidth({ hostLink, shaper, ingress, egress }: BandwidthLimit): void {
  const index = requireIndex(hostLink);
  if (ingress) host().request([`limit what ${hostLink} sends`], (writer) => tc.addTokenBucket(writer, index, ingress));
  if (!egress) return;
  host().request([`add ifb link ${shaper}`], (writer) => rt.addPlainLink(writer, shaper, 'ifb'));
  const target = requireIndex(shaper);
  try {
    const steps = [
      `limit what ${shaper} sends`,
      `add ingress queue to ${hostLink}`,
      `redirect ${hostLink} to ${shaper}`,
    ];
    host().request(steps, (writer) => {
      tc.addTokenBucket(writer, target, egress);
      tc.redirectIngress(writer, index, target);
    });
  } catch (error) {
    deleteLink(shaper);
    throw error;
  }
}

/** A bridge alone in its namespace: no rule of the host, nor br_netfilter, sees what passes through it. */
export function makeSwitch(netns: string): void {
  insideNetworkNamespace(netns, () =>
    withSocket((socket) => {
      socket.request([`add bridge link ${switchLink}`], (writer) => rt.addPlainLink(writer, switchLink, 'bridge'));
      const index = requireIndex(switchLink);
      socket.request([`set ${switchLink} up`], (writer) => rt.setLinkUp(writer, index));
    }),
  );
}

const switchLink = 'switch';

export function plugIn({ switchNetns, port, netns, link, mac, address, gateway, mtu }: SwitchPlug): void {
  const switchFd = fs.openSync(switchNetns, 'r');
  const netnsFd = netns === undefined ? undefined : fs.openSync(netns, 'r');
  try {
    const end = { name: link, mac, mtu, ...(netnsFd !== undefined && { netnsFd }) };
    host().request([`add link ${link}`], (writer) =>
      rt.addVeth(writer, { ...end, peer: { name: port, netnsFd: switchFd } }),
    );
  } finally {
    fs.closeSync(switchFd);
    if (netnsFd !== undefined) fs.closeSync(netnsFd);
  }
  insideNetworkNamespace(switchNetns, () =>
    withSocket((socket) => {
      const [index, master] = [requireIndex(port), requireIndex(switchLink)];
      socket.request([`put ${port} into ${switchLink}`], (writer) => rt.setMaster(writer, index, master));
    }),
  );
  const configure = () =>
    withSocket((socket) => {
      const index = requireIndex(link);
      socket.request([`set ${link} up`, `add address ${address}`, 'add default route'], (writer) => {
        rt.setLinkUp(writer, index);
        rt.addAddress(writer, index, address);
        if (gateway) rt.replaceRoute(writer, { destination: '0.0.0.0/0', index, gateway });
      });
    });
  if (netns === undefined) configure();
  else insideNetworkNamespace(netns, configure);
}

/** Takes a plug out: both of its ends go. */
export function unplug(switchNetns: string, port: string): void {
  insideNetworkNamespace(switchNetns, () =>
    withSocket((socket) => {
      const index = linkIndex(port);
      if (index) socket.request([`delete link ${port}`], (writer) => rt.deleteLink(writer, index));
    }),
  );
}

export function deleteLink(name: string): void {
  const index = linkIndex(name);
  if (!index) return;
  ignoring(['ENODEV'], () => host().request([`delete link ${name}`], (writer) => rt.deleteLink(writer, index)));
}

export function ensureDummy(name: string, addresses: string[]): void {
  if (!linkIndex(name)) addDummy(name);
  const index = requireIndex(name);
  host().request([`set ${name} up`], (writer) => rt.setLinkUp(writer, index));
  for (const address of addresses) addAddress(name, address);
}

/** Where the kernel was built without dummy links, a bridge without ports holds addresses and swallows packets as well. */
function addDummy(name: string): void {
  const add = (kind: string) =>
    ignoring(['EEXIST'], () =>
      host().request([`add ${kind} link ${name}`], (writer) => rt.addPlainLink(writer, name, kind)),
    );
  try {
    add('dummy');
  } catch (error) {
    if (!(error instanceof SyscallError) || error.code !== 'EOPNOTSUPP') throw error;
    add('bridge');
  }
}

export function addAddress(link: string, address: string): void {
  const index = requireIndex(link);
  ignoring(['EEXIST'], () =>
    host().request([`add address ${address} to ${link}`], (writer) => rt.addAddress(writer, index, address)),
  );
}

export function deleteAddress(link: string, address: string): void {
  const index = linkIndex(link);
  if (!index) return;
  ignoring(['EADDRNOTAVAIL', 'ENODEV'], () =>
    host().request([`delete address ${address} from ${link}`], (writer) => rt.deleteAddress(writer, index, address)),
  );
}

export function replaceRoute(route: Route): void {
  const { link, ...rest } = route;
  const index = link === undefined ? undefined : requireIndex(link);
  const about = `add route ${route.destination}${link ? ` by ${link}` : ''}`;
  host().request([about], (writer) => rt.replaceRoute(writer, { ...rest, index }));
}

/** A route that is not there, or whose link is gone, is no error. */
export function deleteRoute(route: Route): void {
  const { link, ...rest } = route;
  const index = link === undefined ? undefined : linkIndex(link);
  if (link !== undefined && !index) return;
  ignoring(['ESRCH'], () =>
    host().request([`delete route ${route.destination}`], (writer) => rt.deleteRoute(writer, { ...rest, index })),
  );
}

export function links(): LinkInfo[] {
  return host().dump('list links', rt.dumpLinks).map(rt.readLink);
}

export function addresses(): { link: string; address: string; prefixLength: number }[] {
  const names = linkNames();
  return host()
    .dump('list addresses', rt.dumpAddresses)
    .map(rt.readAddress)
    .map(({ index, ...rest }) => ({ link: names.get(index) ?? String(index), ...rest }));
}

export function routes(): RouteInfo[] {
  const names = linkNames();
  return host()
    .dump('list routes', rt.dumpRoutes)
    .map(rt.readRoute)
    .filter((route) => route !== undefined)
    .map(({ index, ...rest }) => (index === undefined ? rest : { ...rest, link: names.get(index) ?? String(index) }));
}

const linkNames = () => new Map(links().map((link) => [link.index, link.name]));

function requireIndex(link: string): number {
  const index = linkIndex(link);
  if (!index) throw new SyscallError('if_nametoindex', 'ENODEV', link);
  return index;
}

function ignoring(codes: string[], fn: () => void): void {
  try {
    fn();
  } catch (error) {
    if (!(error instanceof SyscallError) || !codes.includes(error.code)) throw error;
  }
}
