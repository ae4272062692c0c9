import { bindBeneath } from './bind-beneath.ts';
import type { CgroupTree } from './cgroup-layout.ts';
import * as cgroups from './cgroups.ts';
import { forgetFlows } from './conntrack.ts';
import { ExitWatches } from './exit-watch.ts';
import { type ErrorMessage, packError } from './kernel-messages.ts';
import { launch } from './launch-namespace.ts';
import type { BandwidthLimit, CgroupLimits, PodAttachment, Route, SwitchPlug } from './linux.ts';
import { attachLoop, detachLoop, growLoop, listLoops } from './loop-devices.ts';
import * as mounts from './mounts.ts';
import * as namespaces from './namespaces.ts';
import * as net from './net-devices.ts';
import { type Nft, openNftables } from './nftables.ts';
import { SeqpacketConnections } from './seqpacket.ts';
import { openTcpSocket } from './tcp-socket.ts';

/** What the kernel thread tells without being asked. */
export type KernelEvent =
  | { event: 'exit'; watch: number }
  | { event: 'packet'; connection: number; data: Uint8Array }
  | { event: 'drained'; connection: number }
  | { event: 'closed'; connection: number; error?: ErrorMessage };

export type Operations = ReturnType<typeof createOperations>;

/** Everything that can be asked of the kernel thread, by name. Runs in that thread only. */
export function createOperations(emit: (event: KernelEvent) => void) {
  const watches = new ExitWatches((watch) => emit({ event: 'exit', watch }));
  const sockets = new SeqpacketConnections({
    packet: (connection, data) => emit({ event: 'packet', connection, data }),
    drained: (connection) => emit({ event: 'drained', connection }),
    closed: (connection, error) => emit({ event: 'closed', connection, error: error && packError(error) }),
  });
  let tree: CgroupTree;
  let nft: Nft | undefined;
  return {
    'cgroups.open': () => {
      tree = cgroups.mountLeftovers(cgroups.detect());
      return tree;
    },
    'cgroups.create': (path: string, limits?: CgroupLimits) => cgroups.createCgroup(tree, path, limits),
    'cgroups.update': (path: string, limits: CgroupLimits) => cgroups.updateCgroup(tree, path, limits),
    'cgroups.remove': (path: string) => cgroups.removeCgroup(tree, path),
    'cgroups.processes': (path: string) => cgroups.cgroupProcesses(tree, path),
    'cgroups.usage': (path: string) => cgroups.cgroupUsage(tree, path),
    'cgroups.enter': (path: string, pid: number) => cgroups.enterCgroup(tree, path, pid),
    'cgroups.release': () => cgroups.unmountLeftovers(),
    'mounts.mount': mounts.mount,
    'mounts.overlay': mounts.overlay,
    'mounts.bindBeneath': bindBeneath,
    'mounts.idmap': mounts.idmap,
    'mounts.unmount': mounts.unmount,
    'mounts.list': mounts.listMounts,
    'namespaces.create': namespaces.createNamespaces,
    'namespaces.remove': namespaces.removeNamespaces,
    'launches.start': launch,
    'net.attachPod': (pod: PodAttachment) => net.attachPod(pod),
    'net.limitBandwidth': (limit: BandwidthLimit) => net.limitBandwidth(limit),
    'net.makeSwitch': net.makeSwitch,
    'net.plugIn': (plug: SwitchPlug) => net.plugIn(plug),
    'net.unplug': net.unplug,
    'net.deleteLink': net.deleteLink,
    'net.ensureDummy': net.ensureDummy,
    'net.addAddress': net.addAddress,
    'net.deleteAddress': net.deleteAddress,
    'net.replaceRoute': (route: Route) => net.replaceRoute(route),
    'net.deleteRoute': (route: Route) => net.deleteRoute(route),
    'net.links': net.links,
    'net.addresses': net.addresses,
    'net.routes': net.routes,
    'loops.attach': attachLoop,
    'loops.grow': growLoop,
    'loops.detach': detachLoop,
    'loops.list': listLoops,
    'nft.run': (script: string) => {
      nft ??= openNftables();
      return nft.run(script);
    },
    'nft.forgetFlows': forgetFlows,
    'sockets.openTcp': openTcpSocket,
    'exit.watch': (watch: number, pid: number) => watches.add(watch, pid),
    'exit.cancel': (watch: number) => void watches.cancel(watch),
    'seqpacket.open': (id: number, path: string) => sockets.open(id, path),
    'seqpacket.write': (id: number, data: Uint8Array) => sockets.write(id, data),
    'seqpacket.pause': (id: number, paused: boolean) => sockets.pause(id, paused),
    close: () => {
      watches.closeAll();
      sockets.closeAll();
    },
    'seqpacket.finish': (id: number) => sockets.finish(id),
    'seqpacket.close': (id: number) => sockets.close(id),
  };
}
