import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from '../base/log.ts';
import type { CgroupTree } from './cgroup-layout.ts';
import { childCgroups } from './cgroups.ts';
import { connectLoopback } from './connect-loopback.ts';
import { KernelThread } from './kernel-thread.ts';
import type { Cgroups, Linux, Mounts, Namespaces, NetDevices, Nftables } from './linux.ts';
import type { KernelEvent } from './operations.ts';
import { PacketStreams } from './packet-stream.ts';
import { createProcesses } from './processes.ts';
import { readSysctl, writeSysctl } from './sysctl.ts';

/**
 * Opens the door: starts the kernel thread and prepares the cgroup layout. Call `checkLinux` first. With `netns`, the file
 * of a network namespace, `net` and `nft` are about that one instead of the caller's.
 */
export async function openLinux({ log, netns }: { log: Logger; netns?: string }): Promise<Linux> {
  const exits = new Map<number, () => void>();
  const onEvent = (message: KernelEvent) => {
    if (message.event === 'exit') takeExit(exits, message.watch)?.();
    else streams.onEvent(message);
  };
  const thread = new KernelThread({ log, onEvent, ...(netns !== undefined && { netns }) });
  const streams = new PacketStreams(thread);
  const tree = await thread.call('cgroups.open').catch(async (error) => {
    await thread.close();
    throw error;
  });
  const cgroups = createCgroups(thread, tree);
  return {
    mounts: createMounts(thread),
    namespaces: createNamespaces(thread),
    net: createNetDevices(thread),
    cgroups,
    processes: createProcesses((pid, fn) => watchExit(thread, exits, pid, fn), cgroups),
    launches: { start: (launch) => thread.call('launches.start', launch) },
    nft: createNftables(thread),
    sockets: {
      connectSeqpacket: (file) => streams.connect(file),
      connectLoopback: (port, netns) =>
        connectLoopback(
          port,
          netns === undefined ? undefined : (address) => thread.call('sockets.openTcp', netns, address),
        ),
    },
    sysctl: { get: readSysctl, set: writeSysctl },
    loops: {
      attach: (file) => thread.call('loops.attach', file),
      grow: (file) => thread.call('loops.grow', file),
      detach: (file) => thread.call('loops.detach', file),
      list: () => thread.call('loops.list'),
    },
    close: () => thread.close(),
  };
}

function createMounts(thread: KernelThread): Mounts {
  return {
    mount: (mount) => thread.call('mounts.mount', mount),
    overlay: (mount) => thread.call('mounts.overlay', mount),
    bindBeneath: (bind) => thread.call('mounts.bindBeneath', bind),
    idmap: (mount) => thread.call('mounts.idmap', mount),
    unmount: (target) => thread.call('mounts.unmount', target),
    list: (prefix) => thread.call('mounts.list', prefix),
  };
}

function createNamespaces(thread: KernelThread): Namespaces {
  return {
    create: (pins, options) => thread.call('namespaces.create', pins, options),
    remove: (pins) => thread.call('namespaces.remove', pins),
  };
}

function createNetDevices(thread: KernelThread): NetDevices {
  return {
    attachPod: (pod) => thread.call('net.attachPod', pod),
    limitBandwidth: (limit) => thread.call('net.limitBandwidth', limit),
    makeSwitch: (netns) => thread.call('net.makeSwitch', netns),
    plugIn: (plug) => thread.call('net.plugIn', plug),
    unplug: (switchNetns, port) => thread.call('net.unplug', switchNetns, port),
    deleteLink: (name) => thread.call('net.deleteLink', name),
    ensureDummy: (name, addresses) => thread.call('net.ensureDummy', name, addresses),
    addAddress: (link, address) => thread.call('net.addAddress', link, address),
    deleteAddress: (link, address) => thread.call('net.deleteAddress', link, address),
    replaceRoute: (route) => thread.call('net.replaceRoute', route),
    deleteRoute: (route) => thread.call('net.deleteRoute', route),
    links: () => thread.call('net.links'),
    addresses: () => thread.call('net.addresses'),
    routes: () => thread.call('net.routes'),
  };
}

function createCgroups(thread: KernelThread, tree: CgroupTree): Cgroups {
  return {
    layout: { version: tree.version, controllers: tree.controllers },
    create: (cgroup, limits) => thread.call('cgroups.create', cgroup, limits),
    update: (cgroup, limits) => thread.call('cgroups.update', cgroup, limits),
    remove: (cgroup) => thread.call('cgroups.remove', cgroup),
    processes: (cgroup) => thread.call('cgroups.processes', cgroup),
    children: async (cgroup) => childCgroups(tree, cgroup),
    usage: (cgroup) => thread.call('cgroups.usage', cgroup),
    enter: (cgroup, pid) => thread.call('cgroups.enter', cgroup, pid),
    exists: (cgroup) => tree.roots.some((root) => existsSync(path.join(root, cgroup))),
    procsFiles: (cgroup) => tree.roots.map((root) => path.join(root, cgroup, 'cgroup.procs')),
    release: () => thread.call('cgroups.release'),
  };
}

function createNftables(thread: KernelThread): Nftables {
  return {
    apply: async (script) => void (await thread.call('nft.run', script)),
    list: (command) => thread.call('nft.run', command),
    forgetFlows: (targets) => thread.call('nft.forgetFlows', targets),
  };
}

let lastWatch = 0;

function watchExit(thread: KernelThread, exits: Map<number, () => void>, pid: number, fn: () => void): () => void {
  const watch = ++lastWatch;
  exits.set(watch, () => {
    thread.release();
    fn();
  });
  thread.hold();
  thread.call('exit.watch', watch, pid).catch(() => takeExit(exits, watch)?.());
  return () => {
    if (!exits.delete(watch)) return;
    thread.release();
    thread.call('exit.cancel', watch).catch(() => {});
  };
}

function takeExit(exits: Map<number, () => void>, watch: number): (() => void) | undefined {
  const fn = exits.get(watch);
  exits.delete(watch);
  return fn;
}
