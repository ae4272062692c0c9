import { PassThrough } from 'node:stream';
import { SyscallError } from '../base/errors.ts';
import { connectLoopback } from './connect-loopback.ts';
import type { CgroupLimits, CgroupUsage, LinkInfo, Linux, MountInfo, Route, RunResult } from './linux.ts';

/** One recorded call: 'net.attachPod' and its arguments. */
export interface RecordedCall {
  name: string;
  args: unknown[];
}

const noUsage: CgroupUsage = {
  cpuNanoseconds: 0,
  throttledNanoseconds: 0,
  cpuPeriods: 0,
  throttledPeriods: 0,
  rssBytes: 0,
  cacheBytes: 0,
  swapBytes: 0,
  pageFaults: 0,
  majorPageFaults: 0,
  memoryBytes: 0,
  workingSetBytes: 0,
  memoryLimitBytes: undefined,
  pids: 0,
  oomKills: 0,
};

/** A kernel in memory for tests without root: records every call and keeps enough state that what was made can be found. */
export class FakeLinux implements Linux {
  /** Every call, in order. */
  readonly calls: RecordedCall[] = [];
  /** Mount points that exist. */
  readonly mounted: MountInfo[] = [];
  /** Loop devices that exist, with their files. */
  readonly loopFiles = new Map<string, string>();
  /** Links that exist, by name. */
  readonly linksByName = new Map<string, LinkInfo & { addresses: string[] }>();
  /** Routes that exist, by destination. */
  readonly routesByDestination = new Map<string, Route>();
  /** Cgroups that exist, with their limits and members. */
  readonly cgroupsByPath = new Map<string, { limits: CgroupLimits; pids: number[]; usage?: CgroupUsage }>();
  /** Processes that run, with those who wait for their end. */
  readonly running = new Map<number, Set<() => void>>();
  /** Values of sysctls. */
  readonly sysctls = new Map<string, string>();
  /** Errors to reject the next call of that name with. */
  readonly failures = new Map<string, Error>();
  /** What `processes.run` answers. */
  onRun: (command: string[]) => Partial<RunResult> = () => ({});
  /** What `nft.list` answers. */
  onList: (command: string) => string = () => '';
  /** Pid of the process started last. */
  #lastPid = 1000;

  readonly mounts: Linux['mounts'] = {
    mount: async (mount) => {
      this.#record('mounts.mount', mount);
      this.mounted.push({
        target: mount.target,
        type: mount.type ?? 'none',
        source: mount.source,
        options: (mount.flags ?? []).join(','),
      });
    },
    overlay: async (mount) => {
      this.#record('mounts.overlay', mount);
      this.mounted.push({ target: mount.target, type: 'overlay', source: 'overlay', options: 'rw' });
    },
    idmap: async (mount) => {
      this.#record('mounts.idmap', mount);
    },
    bindBeneath: async (bind) => {
      this.#record('mounts.bindBeneath', bind);
      this.mounted.push({ target: bind.target, type: 'none', source: `${bind.base}/${bind.path}`, options: 'bind' });
    },
    unmount: async (target) => {
      this.#record('mounts.unmount', target);
      const at = this.mounted.findLastIndex((mount) => mount.target === target);
      if (at >= 0) this.mounted.splice(at, 1);
    },
    list: async (prefix) =>
      this.mounted.filter(({ target }) => target === prefix || target.startsWith(`${prefix}/`)).reverse(),
  };

  readonly loops: Linux['loops'] = {
    attach: async (file) => {
      this.#record('loops.attach', file);
      const device =
        [...this.loopFiles].find(([, backing]) => backing === file)?.[0] ?? `/dev/loop${this.loopFiles.size}`;
      this.loopFiles.set(device, file);
      return device;
    },
    grow: async (file) => this.#record('loops.grow', file),
    detach: async (file) => {
      this.#record('loops.detach', file);
      for (const [device, backing] of this.loopFiles) if (backing === file) this.loopFiles.delete(device);
    },
    list: async () => [...this.loopFiles].map(([device, file]) => ({ device, file })),
  };

  readonly namespaces: Linux['namespaces'] = {
    create: async (pins, options) => this.#record('namespaces.create', pins, options),
    remove: async (pins) => this.#record('namespaces.remove', pins),
  };

  readonly net: Linux['net'] = {
    attachPod: async (pod) => {
      this.#record('net.attachPod', pod);
      this.#addLink(pod.hostLink, 'veth');
      this.routesByDestination.set(`${pod.address}/32`, { destination: `${pod.address}/32`, link: pod.hostLink });
    },
    limitBandwidth: async (limit) => this.#record('net.limitBandwidth', limit),
    deleteLink: async (name) => {
      this.#record('net.deleteLink', name);
      this.linksByName.delete(name);
      for (const [key, route] of this.routesByDestination)
        if (route.link === name) this.routesByDestination.delete(key);
    },
    ensureDummy: async (name, addresses) => {
      this.#record('net.ensureDummy', name, addresses);
      const link = this.#addLink(name, 'dummy');
      link.addresses = [...new Set([...link.addresses, ...addresses])];
    },
    makeSwitch: async (netns) => this.#record('net.makeSwitch', netns),
    plugIn: async (plug) => {
      this.#record('net.plugIn', plug);
      if (plug.netns === undefined) this.#addLink(plug.link, 'veth').addresses.push(plug.address);
    },
    unplug: async (switchNetns, port) => this.#record('net.unplug', switchNetns, port),
    addAddress: async (name, address) => {
      this.#record('net.addAddress', name, address);
      const link = this.linksByName.get(name);
      if (!link) throw new SyscallError('if_nametoindex', 'ENODEV', name);
      if (!link.addresses.includes(address)) link.addresses.push(address);
    },
    deleteAddress: async (name, address) => {
      this.#record('net.deleteAddress', name, address);
      const link = this.linksByName.get(name);
      if (link) link.addresses = link.addresses.filter((other) => other !== address);
    },
    replaceRoute: async (route) => {
      this.#record('net.replaceRoute', route);
      this.routesByDestination.set(route.destination, route);
    },
    deleteRoute: async (route) => {
      this.#record('net.deleteRoute', route);
      this.routesByDestination.delete(route.destination);
    },
    links: async () => [...this.linksByName.values()],
    addresses: async () =>
      [...this.linksByName.values()].flatMap((link) =>
        link.addresses.map((cidr) => ({
          link: link.name,
          address: cidr.split('/')[0]!,
          prefixLength: Number(cidr.split('/')[1]),
        })),
      ),
    routes: async () => [...this.routesByDestination.values()],
  };

  readonly cgroups: Linux['cgroups'] = {
    layout: { version: 'v2', controllers: { cpu: '/sys/fs/cgroup', memory: '/sys/fs/cgroup', pids: '/sys/fs/cgroup' } },
    create: async (path, limits) => {
      this.#record('cgroups.create', path, limits);
      if (!this.cgroupsByPath.has(path)) this.cgroupsByPath.set(path, { limits: {}, pids: [] });
      Object.assign(this.#cgroup(path).limits, limits);
    },
    update: async (path, limits) => {
      this.#record('cgroups.update', path, limits);
      Object.assign(this.#cgroup(path).limits, limits);
    },
    remove: async (path) => {
      this.#record('cgroups.remove', path);
      for (const key of this.cgroupsByPath.keys()) {
        if (key !== path && !key.startsWith(`${path}/`)) continue;
        for (const pid of this.#cgroup(key).pids) this.exit(pid);
        this.cgroupsByPath.delete(key);
      }
    },
    processes: async (path) => this.cgroupsByPath.get(path)?.pids ?? [],
    children: async (path) =>
      [...this.cgroupsByPath.keys()]
        .filter((key) => key.startsWith(`${path}/`))
        .flatMap((key) => key.slice(path.length + 1).split('/')[0] ?? [])
        .filter((name, index, all) => all.indexOf(name) === index),
    usage: async (path) => this.cgroupsByPath.get(path)?.usage ?? noUsage,
    enter: async (path, pid) => {
      this.#record('cgroups.enter', path, pid);
      this.#cgroup(path).pids.push(pid);
    },
    exists: (path) => this.cgroupsByPath.has(path),
    procsFiles: (path) => [`/sys/fs/cgroup${path}/cgroup.procs`],
    release: async () => this.#record('cgroups.release'),
  };

  readonly processes: Linux['processes'] = {
    run: async (command, options) => {
      this.#record('processes.run', command, options);
      return { code: 0, stdout: '', stderr: '', timedOut: false, ...this.onRun(command) };
    },
    spawnDetached: async (command, options) => {
      this.#record('processes.spawnDetached', command, options);
      const pid = this.start();
      if (options?.cgroup) this.#cgroup(options.cgroup).pids.push(pid);
      return pid;
    },
    kill: (pid, signal) => {
      this.#record('processes.kill', pid, signal);
      if (signal === 'SIGKILL' || signal === 9) this.exit(pid);
    },
    onExit: (pid, fn) => {
      const waiting = this.running.get(pid);
      if (!waiting) queueMicrotask(fn);
      else waiting.add(fn);
      return () => void waiting?.delete(fn);
    },
    withArgument: () => [],
    startTime: (pid) => (this.running.has(pid) ? pid : undefined),
  };

  readonly launches: Linux['launches'] = {
    start: async (launch) => {
      this.#record('launches.start', launch);
      return this.start();
    },
  };

  readonly nft: Linux['nft'] = {
    apply: async (script) => this.#record('nft.apply', script),
    list: async (command) => {
      this.#record('nft.list', command);
      return this.onList(command);
    },
    forgetFlows: async (targets) => {
      this.#record('nft.forgetFlows', targets);
      return 0;
    },
  };

  readonly sockets: Linux['sockets'] = {
    connectSeqpacket: async (path) => {
      this.#record('sockets.connectSeqpacket', path);
      return new PassThrough({ objectMode: true });
    },
    connectLoopback: (port, netns) => {
      this.#record('sockets.connectLoopback', port, netns);
      return connectLoopback(port, undefined);
    },
  };

  readonly sysctl: Linux['sysctl'] = {
    get: (name) => this.sysctls.get(name),
    set: (name, value) => {
      this.#record('sysctl.set', name, value);
      this.sysctls.set(name, value);
    },
  };

  async close(): Promise<void> {
    this.#record('close');
  }

  /** A process that runs from now on. */
  start(pid = ++this.#lastPid): number {
    this.running.set(pid, new Set());
    return pid;
  }

  /** Ends a process, as the kernel would: out of its cgroup, its watchers told. */
  exit(pid: number): void {
    const waiting = this.running.get(pid);
    if (!this.running.delete(pid)) return;
    for (const cgroup of this.cgroupsByPath.values()) cgroup.pids = cgroup.pids.filter((member) => member !== pid);
    for (const fn of waiting ?? []) fn();
  }

  /** The arguments of every call of that name. */
  callsOf(name: string): unknown[][] {
    return this.calls.filter((call) => call.name === name).map((call) => call.args);
  }

  #record(name: string, ...args: unknown[]): void {
    this.calls.push({ name, args });
    const failure = this.failures.get(name);
    if (!failure) return;
    this.failures.delete(name);
    throw failure;
  }

  #addLink(name: string, kind: string): LinkInfo & { addresses: string[] } {
    const known = this.linksByName.get(name);
    if (known) return known;
    const link = { name, index: this.linksByName.size + 2, up: true, mtu: 1500, mac: '', kind, addresses: [] };
    this.linksByName.set(name, link);
    return link;
  }

  #cgroup(path: string) {
    const cgroup = this.cgroupsByPath.get(path);
    if (!cgroup) throw new SyscallError('open', 'ENOENT', path);
    return cgroup;
  }
}
