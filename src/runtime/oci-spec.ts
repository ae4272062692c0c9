import { capabilitiesOf } from './capabilities.ts';
import type { ProcessUser } from './container-user.ts';
import { defaultMaskedPaths, defaultMounts, defaultReadonlyPaths, type OciMount } from './oci-defaults.ts';
import {
  ContainerError,
  type ContainerMount,
  type ContainerResources,
  type ContainerSpec,
  type ImageConfig,
  type UserNamespace,
} from './runtime.ts';

/** What the spec of a container depends on beside its own specification. All of it is read before, so that this stays pure. */
export interface SpecContext {
  image: ImageConfig;
  user: ProcessUser;
  hostname: string;
  namespaces: { net?: string; ipc?: string; uts?: string; pid?: string; user?: string };
  userNamespace?: UserNamespace;
  /** Mount sources that the kernel cannot map into it: overlays. */
  unmappable?: ReadonlySet<string>;
  /** Where the OCI runtime finds the sources of mounts; absent ones where they are. */
  sources?: ReadonlyMap<string, string>;
  host: { net?: boolean; ipc?: boolean; pid?: boolean };
  /** Directory that becomes /dev/shm. */
  shm: string;
  cgroup: string;
  cgroupVersion: 'v1' | 'hybrid' | 'v2';
  /** Compiled RuntimeDefault filter, base64; absent when it does not apply. */
  seccompFilter?: string;
  /** Content of a Localhost profile. */
  seccompProfile?: unknown;
  /** What this process may hand on. */
  capabilities: string[];
  oomScoreAdj: number;
  hardLimits: Record<string, number>;
  /** Devices of the host, for a privileged container. */
  hostDevices: OciDevice[];
  devices: OciDevice[];
  annotations?: Record<string, string>;
}

export interface OciDevice {
  path: string;
  type: 'c' | 'b';
  major: number;
  minor: number;
  fileMode: number;
  permissions: string;
}

/** The process part of a spec, which exec starts from. */
export interface OciProcess {
  terminal: boolean;
  user: ProcessUser & { umask?: number };
  args: string[];
  env: string[];
  cwd: string;
  capabilities: Record<'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient', string[]>;
  noNewPrivileges: boolean;
  oomScoreAdj?: number;
  apparmorProfile?: string;
  rlimits?: { type: string; soft: number; hard: number }[];
}

export interface OciSpec {
  ociVersion: string;
  process: OciProcess;
  root: { path: string; readonly: boolean };
  hostname?: string;
  mounts: OciMount[];
  annotations: Record<string, string>;
  linux: Record<string, unknown>;
}

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The OCI runtime spec (config.json) of a container. */
export function ociSpec(spec: ContainerSpec, context: SpecContext): OciSpec {
  const mounts = specMounts(spec, context);
  return {
    ociVersion: '1.0.2',
    process: specProcess(spec, context),
    root: { path: 'rootfs', readonly: spec.security.readOnlyRoot },
    mounts,
    annotations: {
      ...context.annotations,
      ...(context.seccompFilter !== undefined && { 'run.oci.seccomp_bpf_data': context.seccompFilter }),
    },
    linux: specLinux(spec, context),
  };
}

/** Command line (Kubernetes: `command` replaces the entrypoint and drops the image's cmd; `args` replaces the cmd). */
export function containerArgs(spec: Pick<ContainerSpec, 'command' | 'args'>, image: ImageConfig): string[] {
  const command = spec.command?.length ? spec.command : undefined;
  const args = spec.args?.length ? spec.args : undefined;
  const head = command ?? image.Entrypoint ?? [];
  const tail = args ?? (command ? [] : (image.Cmd ?? []));
  const all = [...head, ...tail];
  if (all.length === 0) throw new ContainerError('CreateContainerError', 'no command specified');
  return all;
}

/** The image's environment under the container's; of two values for one name the last holds, in the first's place. */
export function containerEnv(spec: Pick<ContainerSpec, 'env' | 'tty'>, image: ImageConfig, hostname: string): string[] {
  const merged = new Map<string, string>();
  const set = (name: string, value: string) => merged.set(name, value);
  const path = defaultPath.split('=') as [string, string];
  set(path[0], path[1]);
  if (spec.tty) set('TERM', 'xterm');
  set('HOSTNAME', hostname);
  for (const entry of image.Env ?? []) {
    const equals = entry.indexOf('=');
    if (equals > 0) set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  for (const { name, value } of spec.env) set(name, value);
  return [...merged].map(([name, value]) => `${name}=${value}`);
}

function specProcess(spec: ContainerSpec, context: SpecContext): OciProcess {
  const { security } = spec;
  const capabilities = capabilitiesOf(security, context.capabilities);
  return {
    terminal: spec.tty,
    user: context.user,
    args: containerArgs(spec, context.image),
    env: containerEnv(spec, context.image, context.hostname),
    cwd: spec.workingDir || context.image.WorkingDir || '/',
    // Nothing is inheritable: CVE-2022-24769.
    capabilities: {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
      inheritable: [],
      ambient: [],
    },
    noNewPrivileges: security.noNewPrivileges,
    ...(spec.ulimits?.length && { rlimits: spec.ulimits.map((limit) => allowedLimit(limit, context)) }),
    ...(spec.oomScoreAdj !== undefined && { oomScoreAdj: allowedOomScore(spec.oomScoreAdj, context) }),
    ...(security.apparmor !== undefined && { apparmorProfile: security.apparmor }),
  };
}

/** Without CAP_SYS_RESOURCE no hard limit can be raised (setrlimit(2)). */
function allowedLimit({ name, soft, hard }: { name: string; soft: number; hard: number }, context: SpecContext) {
  const free = context.capabilities.includes('CAP_SYS_RESOURCE');
  const own = free ? Number.POSITIVE_INFINITY : (context.hardLimits[name] ?? Number.POSITIVE_INFINITY);
  return { type: `RLIMIT_${name.toUpperCase()}`, soft: Math.min(soft, own), hard: Math.min(hard, own) };
}

/** Without CAP_SYS_RESOURCE a process cannot get less than the one that starts it. */
function allowedOomScore(wanted: number, context: SpecContext): number {
  return context.capabilities.includes('CAP_SYS_RESOURCE') ? wanted : Math.max(wanted, context.oomScoreAdj);
}

function specMounts(spec: ContainerSpec, context: SpecContext): OciMount[] {
  const { security } = spec;
  const own = spec.mounts.map(bindMount);
  if (spec.terminationMessage) {
    const { hostPath, containerPath } = spec.terminationMessage;
    own.push({ destination: containerPath, type: 'bind', source: hostPath, options: ['rbind', 'rprivate', 'rw'] });
  }
  const taken = new Set(own.map((mount) => clean(mount.destination)));
  const defaults = defaultMounts({ privileged: security.privileged, shm: context.shm }).filter(
    (mount) => !taken.has(mount.destination),
  );
  if (context.userNamespace)
    for (const mount of own)
      if (!context.unmappable?.has(mount.source)) mount.options.push(idmapOption(context.userNamespace));
  // Parents before children, else in the given order (containerd sorts its mounts so).
  const depth = (mount: OciMount) => clean(mount.destination).split('/').length;
  const placed = own.map((mount) => ({ ...mount, source: context.sources?.get(mount.source) ?? mount.source }));
  return [...defaults, ...placed.sort((a, b) => depth(a) - depth(b))];
}

/** Volumes belong inside to whom they belong outside (crun(1), IDMAP MOUNT OPTIONS). */
const idmapOption = ({ hostId, size }: UserNamespace): string =>
  `idmap=uids=0-${hostId}-${size};gids=0-${hostId}-${size}`;

function bindMount(mount: ContainerMount): OciMount {
  const propagation = { private: 'rprivate', hostToContainer: 'rslave', bidirectional: 'rshared' };
  const access = mount.readOnly ? (mount.recursiveReadOnly ? 'rro' : 'ro') : 'rw';
  return {
    destination: mount.containerPath,
    type: 'bind',
    source: mount.hostPath,
    options: ['rbind', propagation[mount.propagation ?? 'private'], access, ...(mount.noExec ? ['noexec'] : [])],
  };
}

const clean = (path: string): string => path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');

function specLinux(spec: ContainerSpec, context: SpecContext): Record<string, unknown> {
  const { security } = spec;
  const unmasked = security.privileged || security.procMount === 'Unmasked';
  const propagations = new Set(spec.mounts.map((mount) => mount.propagation));
  const rootfsPropagation = propagations.has('bidirectional')
    ? 'rshared'
    : propagations.has('hostToContainer')
      ? 'rslave'
      : undefined;
  const devices = security.privileged ? [...context.hostDevices, ...context.devices] : context.devices;
  return {
    namespaces: specNamespaces(context),
    cgroupsPath: context.cgroup,
    resources: {
      ...ociResources(spec.resources, context.cgroupVersion),
      devices: deviceRules(security.privileged, devices),
    },
    devices: devices.map(({ path, type, major, minor, fileMode }) => ({
      path,
      type,
      major,
      minor,
      fileMode,
      uid: 0,
      gid: 0,
    })),
    maskedPaths: unmasked ? [] : (security.maskedPaths ?? defaultMaskedPaths),
    readonlyPaths: unmasked ? [] : (security.readonlyPaths ?? defaultReadonlyPaths),
    ...(rootfsPropagation && { rootfsPropagation }),
    ...(context.seccompProfile !== undefined && { seccomp: context.seccompProfile }),
  };
}

function specNamespaces({ namespaces, host, cgroupVersion }: SpecContext): { type: string; path?: string }[] {
  const result: { type: string; path?: string }[] = [{ type: 'mount' }];
  if (!host.net) result.push({ type: 'network', ...(namespaces.net !== undefined && { path: namespaces.net }) });
  if (!host.ipc) result.push({ type: 'ipc', ...(namespaces.ipc !== undefined && { path: namespaces.ipc }) });
  if (namespaces.uts !== undefined) result.push({ type: 'uts', path: namespaces.uts });
  if (!host.pid) result.push({ type: 'pid', ...(namespaces.pid !== undefined && { path: namespaces.pid }) });
  if (namespaces.user !== undefined) result.push({ type: 'user', path: namespaces.user });
  if (cgroupVersion === 'v2') result.push({ type: 'cgroup' });
  return result;
}

/** Limits in the words of the OCI spec. */
export function ociResources(
  resources: ContainerResources,
  cgroupVersion: SpecContext['cgroupVersion'],
): Record<string, unknown> {
  const { cpuShares, cpuQuota, cpuPeriod, memoryBytes, pids, hugepages, oomGroup } = resources;
  const cpu = {
    ...(cpuShares !== undefined && { shares: cpuShares }),
    ...(cpuQuota !== undefined && { quota: cpuQuota }),
    ...(cpuPeriod !== undefined && { period: cpuPeriod }),
  };
  const { swapBytes, memoryMinBytes, memoryLowBytes, memoryHighBytes } = resources;
  const unified = {
    ...(oomGroup && { 'memory.oom.group': '1' }),
    ...(swapBytes !== undefined && { 'memory.swap.max': String(swapBytes) }),
    ...(memoryMinBytes !== undefined && { 'memory.min': String(memoryMinBytes) }),
    ...(memoryLowBytes !== undefined && { 'memory.low': String(memoryLowBytes) }),
    ...(memoryHighBytes !== undefined && memoryHighBytes >= 0 && { 'memory.high': String(memoryHighBytes) }),
  };
  return {
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(memoryBytes !== undefined && { memory: { limit: memoryBytes } }),
    ...(pids !== undefined && { pids: { limit: pids } }),
    ...(hugepages && {
      // The kernel's files say MB and GB.
      hugepageLimits: Object.entries(hugepages).map(([size, limit]) => ({ pageSize: size.replace(/i$/, 'B'), limit })),
    }),
    ...(cgroupVersion === 'v2' && Object.keys(unified).length > 0 && { unified }),
  };
}

function deviceRules(privileged: boolean, devices: OciDevice[]): Record<string, unknown>[] {
  if (privileged) return [{ allow: true, access: 'rwm' }];
  const own = devices.map(({ type, major, minor, permissions }) => ({
    allow: true,
    type,
    major,
    minor,
    access: permissions,
  }));
  return [{ allow: false, access: 'rwm' }, ...own];
}
