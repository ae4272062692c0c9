/**
 * The only door to the kernel. Real implementations make system calls through FFI in a worker thread of their own
 * (src/linux/worker.ts), so that the caller's event loop never blocks; `FakeLinux` records them for tests without root.
 * Every call rejects with a SyscallError that names the call, the errno and the object.
 */
export interface Linux {
  mounts: Mounts;
  namespaces: Namespaces;
  net: NetDevices;
  cgroups: Cgroups;
  processes: Processes;
  launches: Launches;
  nft: Nftables;
  sockets: Sockets;
  sysctl: Sysctls;
  loops: LoopDevices;
  close(): Promise<void>;
}

// ---- mounts

export interface Mounts {
  /** mount(2). `flags` are names: 'bind', 'rec', 'ro', 'nosuid', 'nodev', 'noexec', 'private', 'rprivate', 'rshared', 'rslave', 'remount'. */
  mount(mount: { source: string; target: string; type?: string; flags?: string[]; data?: string }): Promise<void>;
  /**
   * Overlay of read-only layers (topmost first), under a writable one if `upper` and `work` are given. Long layer lists are
   * passed through fsconfig(2).
   */
  overlay(mount: { target: string; lower: string[]; upper?: string; work?: string }): Promise<void>;
  /**
   * Binds what is at `path` (plain names, made as directories if absent) below `base` on `target`, following no symbolic
   * link on the way. A mount that is on `target` already is replaced.
   */
  bindBeneath(bind: { base: string; path: string; target: string }): Promise<void>;
  /** Binds a directory as a user namespace, given by a file, sees the owners of its files. */
  idmap(mount: { source: string; target: string; userNamespace: string }): Promise<void>;
  /** umount2(2) with MNT_DETACH; a target that is not a mount point is no error. */
  unmount(target: string): Promise<void>;
  /** Mount points below `prefix`, from /proc/self/mountinfo, deepest first. */
  list(prefix: string): Promise<MountInfo[]>;
}

export interface MountInfo {
  target: string;
  type: string;
  source: string;
  /** Of the mount and of its file system: 'rw,relatime,lowerdir=…'. */
  options: string;
}

// ---- namespaces

export type NamespaceKind = 'net' | 'ipc' | 'uts';

export interface Namespaces {
  /**
   * Makes new namespaces of the given kinds and pins each by a bind mount on the given file (made if absent), in one
   * synchronous step on the worker thread: unshare, set the host name, pin, setns back. Aborts the process if the way back fails.
   * In a new network namespace `lo` is up. Sysctls ('net.ipv4.ip_unprivileged_port_start': '0') are written inside.
   */
  create(
    pins: Partial<Record<NamespaceKind, string>>,
    options?: { hostname?: string; sysctls?: Record<string, string> },
  ): Promise<void>;
  /** Unmounts and removes the pins; the last member gone, the kernel frees the namespace (and its interfaces). */
  remove(pins: Partial<Record<NamespaceKind, string>>): Promise<void>;
}

// ---- network devices (rtnetlink)

export interface NetDevices {
  /**
   * A whole Pod network in one go: veth pair, peer moved into the namespace pinned at `netns` as eth0 with `address`/32 and
   * `mac`, route to `gateway` and default route by it, permanent neighbours on both sides, host end up with a /32 route.
   */
  attachPod(pod: PodAttachment): Promise<void>;
  /**
   * Holds what goes to a Pod (`ingress`) and what comes from it (`egress`) to rates in bits per second. The latter passes
   * through `shaper`, a link of its own that must be deleted with the Pod's.
   */
  limitBandwidth(limit: BandwidthLimit): Promise<void>;
  /** Makes a switch for `plugIn`: a bridge in a network namespace, pinned at this file, that has nothing else. */
  makeSwitch(netns: string): Promise<void>;
  /** Joins a network namespace to a switch by a veth pair, as a machine is joined by a cable. */
  plugIn(plug: SwitchPlug): Promise<void>;
  /** Takes both ends of that pair away; absent is no error. */
  unplug(switchNetns: string, port: string): Promise<void>;
  /** Removes a link by name; absent is no error. */
  deleteLink(name: string): Promise<void>;
  /** A dummy link that is up, with these addresses ('10.1.2.3/32'). Idempotent. */
  ensureDummy(name: string, addresses: string[]): Promise<void>;
  addAddress(link: string, address: string): Promise<void>;
  deleteAddress(link: string, address: string): Promise<void>;
  /** Adds or replaces a route. `unreachable` routes have no link. */
  replaceRoute(route: Route): Promise<void>;
  deleteRoute(route: Route): Promise<void>;
  links(): Promise<LinkInfo[]>;
  addresses(): Promise<{ link: string; address: string; prefixLength: number }[]>;
  /** The IPv4 routes of the main table. */
  routes(): Promise<RouteInfo[]>;
}

export interface PodAttachment {
  netns: string;
  /** Name of the host end, at most 15 characters. */
  hostLink: string;
  hostMac: string;
  podMac: string;
  /** IPv4 address of the Pod, without a prefix length. */
  address: string;
  /** Link-local gateway address that the Pod routes by; needs no owner, as its neighbour entry is permanent. */
  gateway: string;
  /** @default 1500 */
  mtu?: number;
  /** Preferred source address of the host's route to the Pod. */
  hostAddress?: string;
}

export interface SwitchPlug {
  /** File that pins the namespace of the switch. */
  switchNetns: string;
  /** Name of the switch's end. */
  port: string;
  /** File that pins the namespace that is joined. @default that of the caller */
  netns?: string;
  /** Name of its end, at most 15 characters. */
  link: string;
  mac: string;
  /** '10.1.2.3/24'. */
  address: string;
  /** Of its default route. @default none */
  gateway?: string;
  mtu: number;
}

export interface BandwidthLimit {
  hostLink: string;
  shaper: string;
  ingress?: number;
  egress?: number;
}

export interface Route {
  /** '10.1.0.0/16'. */
  destination: string;
  link?: string;
  /** Address of the next hop, on a link of ours. */
  gateway?: string;
  type?: 'unicast' | 'unreachable' | 'blackhole' | 'local';
  source?: string;
}

export type RouteInfo = Route;

export interface LinkInfo {
  name: string;
  index: number;
  up: boolean;
  mtu: number;
  mac: string;
  /** 'veth', 'dummy', 'bridge', … */
  kind: string;
}

// ---- cgroups: v1, hybrid and v2 behind one tree

export interface Cgroups {
  layout: CgroupLayout;
  /** Makes the cgroup (and its parents) in every hierarchy in use. Path is from the root: '/vitrine-x/kubepods/…'. */
  create(path: string, limits?: CgroupLimits): Promise<void>;
  update(path: string, limits: CgroupLimits): Promise<void>;
  /** Kills what is left in it and removes it and everything below, in all hierarchies; absent is no error. */
  remove(path: string): Promise<void>;
  processes(path: string): Promise<number[]>;
  /** Names of the cgroups right below it, in any hierarchy. */
  children(path: string): Promise<string[]>;
  usage(path: string): Promise<CgroupUsage>;
  /** Moves a process. */
  enter(path: string, pid: number): Promise<void>;
  exists(path: string): boolean;
  /** The files to write a pid to, one a hierarchy, to move a process into this cgroup. */
  procsFiles(path: string): string[];
  /** Undoes what opening did to a hybrid layout, once no cgroup of ours is left in it. */
  release(): Promise<void>;
}

export interface CgroupLayout {
  version: 'v1' | 'hybrid' | 'v2';
  /** Where each controller is mounted: 'memory' to '/sys/fs/cgroup/memory'; on v2 every one to the same directory. */
  controllers: Record<string, string>;
}

export interface CgroupLimits {
  /** cpu.shares; converted to cpu.weight on v2 (KEP-2254). */
  cpuShares?: number;
  /** Microseconds per period; -1 for none. */
  cpuQuota?: number;
  /** Microseconds. @default 100000 */
  cpuPeriod?: number;
  /** -1 for none. */
  memoryBytes?: number;
  pids?: number;
  /** The rest is of cgroup v2 only, and left out elsewhere. Memory that is never reclaimed, and that only if need be. */
  memoryMinBytes?: number;
  memoryLowBytes?: number;
  /** From where on the cgroup is slowed down; -1 for nowhere. */
  memoryHighBytes?: number;
  /** Swap beside the memory. */
  swapBytes?: number;
}

export interface CgroupUsage {
  cpuNanoseconds: number;
  throttledNanoseconds: number;
  /** Enforcement periods of its CPU quota, and those in which it was throttled. */
  cpuPeriods: number;
  throttledPeriods: number;
  memoryBytes: number;
  /** Memory less inactive file pages: what Kubernetes calls the working set. */
  workingSetBytes: number;
  /** Anonymous memory. */
  rssBytes: number;
  /** Pages of files. */
  cacheBytes: number;
  swapBytes: number;
  pageFaults: number;
  majorPageFaults: number;
  memoryLimitBytes: number | undefined;
  pids: number;
  oomKills: number;
}

// ---- processes

export interface Processes {
  /** Runs a program to its end. Rejects only when it cannot be started; a non-zero exit is a value. */
  run(command: string[], options?: RunOptions): Promise<RunResult>;
  /** Starts a program in a session of its own that outlives us, with the given file descriptors; resolves with its pid. */
  spawnDetached(command: string[], options?: SpawnOptions): Promise<number>;
  kill(pid: number, signal: number | string): void;
  /** Calls back once the process is gone, by pidfd; at once if it already is. Returns the cancellation. */
  onExit(pid: number, fn: () => void): () => void;
  /** Processes that were given this argument, word for word. */
  withArgument(argument: string): { pid: number; command: string[] }[];
  /** Start time in clock ticks since boot (/proc/PID/stat field 22): with the pid, a process's identity. undefined if gone. */
  startTime(pid: number): number | undefined;
}

export interface RunOptions {
  input?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
  timeoutMs?: number;
}

export interface RunResult {
  /** Exit code; 128 + n for signal n. */
  code: number;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

export interface SpawnOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** Files or descriptors for 0, 1, 2 and further ones. @default /dev/null */
  stdio?: (string | number | 'ignore')[];
  /** Cgroup that the process is put in before it runs (a shell moves itself and becomes the program); free if we are in it already. */
  cgroup?: string;
}

// ---- programs in mount namespaces of their own

export interface Launches {
  /** Starts a program that goes into the background, in a new mount namespace that has few mounts; resolves with its pid. */
  start(launch: Launch): Promise<number>;
}

export interface Launch {
  command: import('./posix-spawn.ts').DaemonCommand;
  /** Paths that the program needs: the mounts that they lie on are there, but none below them. The same for all launches. */
  visible: string[];
  /** Files that nobody can write to there. The same for all launches. */
  sealed: string[];
  trees: MountTree[];
}

/** What is at `source`, with the mounts below it, as a mount on `target` (which is there and of the same kind). */
export interface MountTree {
  source: string;
  target: string;
  /** Whether mounts made below one appear below the other later on, where the source's are shared. */
  propagates?: boolean;
}

// ---- nftables

export interface Nftables {
  /** Applies a script atomically (libnftables nft_run_cmd_from_buffer). Rejects with libnftables' own message. */
  apply(script: string): Promise<void>;
  /** The output of a list command, with handles. */
  list(command: string): Promise<string>;
  /** Forgets tracked flows that were translated to these targets, so that the next packet is looked up anew; returns how many. */
  forgetFlows(targets: FlowTarget[]): Promise<number>;
}

export interface FlowTarget {
  protocol: 'udp' | 'sctp';
  address: string;
  port: number;
}

// ---- sockets

export interface Sockets {
  /** Connects to an AF_UNIX SOCK_SEQPACKET socket (which net.connect cannot). */
  connectSeqpacket(path: string): Promise<PacketStream>;
  /** Connects to a TCP port of localhost in the network namespace pinned at `netns`; in our own without one. Half-open. */
  connectLoopback(port: number, netns?: string): Promise<import('node:net').Socket>;
}

/** One chunk read is one packet (a Uint8Array), one chunk written is sent as one packet. Ends when the peer closes. */
export type PacketStream = import('node:stream').Duplex;

// ---- loop devices

export interface LoopDevices {
  /** The block device that stands for a file; the same one for the same file. */
  attach(file: string): Promise<string>;
  /** Lets it have the size that its file has now. */
  grow(file: string): Promise<void>;
  /** Frees it, at the latest when its last user closes it; absent is no error. */
  detach(file: string): Promise<void>;
  /** Those in use. */
  list(): Promise<{ device: string; file: string }[]>;
}

// ---- sysctls of the host

export interface Sysctls {
  /** 'net.ipv4.ip_forward'; undefined when the kernel has none of that name. */
  get(name: string): string | undefined;
  set(name: string, value: string): void;
}
