/**
 * What a container is: an OCI bundle run by crun under a conmon of its own, in namespaces that a sandbox pins. Knows
 * images, sandboxes and containers; does not know what a Pod is (labels carry the caller's meaning). Containers outlive
 * this process: after a restart `open` finds them again, with exit codes that happened meanwhile.
 */
export interface Runtime {
  readonly images: Images;
  /** OCI runtimes that sandboxes may ask for; '' is the default. */
  readonly handlers: string[];
  /** Reads the state on disk and re-adopts what runs. Orphans (state without process, mounts without state) are cleaned. */
  open(): Promise<void>;
  /** Stops watching; containers go on. */
  close(): Promise<void>;

  createSandbox(spec: SandboxSpec): Promise<Sandbox>;
  sandboxes(): Sandbox[];
  /** Kills and removes its containers, unpins the namespaces, removes its cgroup and state. Absent is no error. */
  removeSandbox(id: string): Promise<void>;

  /** Makes and starts. Rejects with a ContainerError if the image, the mounts or the command cannot be. */
  startContainer(spec: ContainerSpec): Promise<Container>;
  containers(): Container[];
  container(id: string): Container | undefined;
  /** Sends the signal, waits, sends SIGKILL. Resolves when the container has exited. */
  stopContainer(id: string, options: { signal?: string; graceMs: number }): Promise<void>;
  removeContainer(id: string): Promise<void>;
  /** Changes limits of a running container. */
  updateContainer(id: string, resources: ContainerResources): Promise<void>;

  /** Runs a command inside to its end, for probes and hooks. */
  exec(id: string, command: string[], options?: { timeoutMs?: number }): Promise<ExecResult>;
  /** Runs a command inside with streams, for kubectl exec. */
  execStream(id: string, spec: ExecSpec): Promise<StreamSession>;
  /** The streams of the container's first process. */
  attach(id: string, options: { stdin: boolean; tty: boolean }): Promise<StreamSession>;
  /** Closes the current log file and goes on in a new one (after a rotation by rename). */
  reopenLog(id: string): Promise<void>;
  stats(id: string): Promise<ContainerStats | undefined>;
  /** The directory on disk that holds what a running container has written. */
  writableLayer(id: string): string | undefined;

  /** Called for each container that exits, with its final state. Returns the removal. */
  onExit(fn: (container: Container) => void): () => void;
}

export interface SandboxSpec {
  id: string;
  labels: Record<string, string>;
  hostname: string;
  /** Parent cgroup, from the root of the hierarchy: '/vitrine-demo/kubepods/burstable/pod<uid>'. Must exist. */
  cgroup: string;
  /** Namespaces taken from the host instead of new ones. */
  host?: { net?: boolean; ipc?: boolean; pid?: boolean };
  /** One PID namespace for all containers, held by a tiny first process. */
  sharePid?: boolean;
  sysctls?: Record<string, string>;
  /** OCI runtime of its containers. @default crun */
  handler?: string;
  /** A user namespace of its own: its ids from 0 on are `size` ids of the host from `hostId` on. */
  userNamespace?: UserNamespace;
}

export interface UserNamespace {
  hostId: number;
  size: number;
}

export interface Sandbox {
  spec: SandboxSpec;
  /** Files that pin the namespaces; absent for the host's. */
  namespaces: { net?: string; ipc?: string; uts?: string; pid?: string; user?: string };
  createdAtMs: number;
}

export interface ContainerSpec {
  id: string;
  sandboxId: string;
  /** Id of a running container whose PID namespace this one joins. */
  pidsOf?: string;
  labels: Record<string, string>;
  /** Image id as Images.resolve gives it. */
  imageId: string;
  /** Replaces the image's entrypoint. */
  command?: string[];
  /** Replaces the image's cmd. */
  args?: string[];
  env: { name: string; value: string }[];
  workingDir?: string;
  mounts: ContainerMount[];
  devices?: { path: string; containerPath: string; permissions: string }[];
  resources: ContainerResources;
  security: ContainerSecurity;
  tty: boolean;
  stdin: boolean;
  stdinOnce: boolean;
  /** Log file in the CRI format (<time> <stream> <F|P> <line>). Its directory exists. */
  logPath: string;
  /** A file on the host, shown in the container at this path, whose content becomes the exit message. */
  terminationMessage?: { hostPath: string; containerPath: string };
  stopSignal?: string;
  oomScoreAdj?: number;
  /** Limits of its processes by the names of setrlimit(2): 'nofile'. */
  ulimits?: { name: string; soft: number; hard: number }[];
}

export interface ContainerMount {
  hostPath: string;
  containerPath: string;
  readOnly: boolean;
  propagation?: 'private' | 'hostToContainer' | 'bidirectional';
  recursiveReadOnly?: boolean;
  noExec?: boolean;
}

export interface ContainerResources extends Record<string, unknown> {
  cpuShares?: number;
  /** Microseconds per period. */
  cpuQuota?: number;
  /** Microseconds. */
  cpuPeriod?: number;
  memoryBytes?: number;
  pids?: number;
  /** Bytes by size of the page: '2Mi'. */
  hugepages?: Record<string, number>;
  /** When the kernel kills for lack of memory, it kills all processes of the container (cgroup v2 only). */
  oomGroup?: boolean;
  /** Swap beside the memory (cgroup v2 only). */
  swapBytes?: number;
  /** Memory that is never reclaimed, that only if need be, and from where on the container is slowed down (cgroup v2 only). */
  memoryMinBytes?: number;
  memoryLowBytes?: number;
  memoryHighBytes?: number;
}

export interface ContainerSecurity {
  privileged: boolean;
  /** User and group as in the image's config ('1000', 'www-data', '1000:1000'); default: the image's. */
  user?: string;
  supplementalGroups: number[];
  /** The groups that the image's /etc/group gives the user do not count. */
  onlyListedGroups?: boolean;
  capabilities: { add: string[]; drop: string[] };
  noNewPrivileges: boolean;
  readOnlyRoot: boolean;
  seccomp: { type: 'RuntimeDefault' | 'Unconfined' | 'Localhost'; path?: string };
  procMount?: 'Default' | 'Unmasked';
  maskedPaths?: string[];
  readonlyPaths?: string[];
  apparmor?: string;
}

export interface Container {
  id: string;
  sandboxId: string;
  labels: Record<string, string>;
  image: { id: string; name: string };
  state: 'created' | 'running' | 'exited';
  pid: number;
  createdAtMs: number;
  startedAtMs: number;
  finishedAtMs?: number;
  exitCode?: number;
  /** Number of the signal that ended it, if one did. */
  signal?: number;
  oomKilled: boolean;
  logPath: string;
  cgroup: string;
  /** What ends it: 'SIGTERM'. */
  stopSignal: string;
  /** Ids that its first process began with; absent before they are known. */
  user?: { uid: number; gid: number; additionalGids: number[] };
}

/** Why a container could not be started; `reason` is what the kubelet reports (CreateContainerError, RunContainerError). */
export class ContainerError extends Error {
  readonly reason: 'CreateContainerConfigError' | 'CreateContainerError' | 'RunContainerError' | 'StartError';

  constructor(reason: ContainerError['reason'], message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ContainerError';
    this.reason = reason;
  }
}

export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

export interface ExecSpec {
  command: string[];
  tty: boolean;
  /** Of the terminal when the command starts. */
  size?: TerminalSize;
  stdin: boolean;
}

export interface TerminalSize {
  columns: number;
  rows: number;
}

/** Streams of a process inside a container. */
export interface StreamSession {
  stdin: import('node:stream').Writable | undefined;
  stdout: import('node:stream').Readable;
  /** Absent with a tty. */
  stderr: import('node:stream').Readable | undefined;
  resize(columns: number, rows: number): void;
  /** Resolves with the exit code (for attach: when the streams end). */
  exit: Promise<number>;
  kill(): void;
}

export interface ContainerStats {
  atMs: number;
  cpuNanoseconds: number;
  memoryBytes: number;
  workingSetBytes: number;
  pids: number;
  /** Bytes in the writable layer. */
  writableBytes: number;
}

// ---- images

export interface Images {
  /** The image that a name or id stands for, if present ('httpd' and 'docker.io/library/httpd:latest' are one name). */
  resolve(name: string): Promise<ImageInfo | undefined>;
  /** Pulls from a registry, verifies digests, unpacks. Concurrent pulls of one name share the work. */
  pull(name: string, options?: PullOptions): Promise<PulledImage>;
  /**
   * Takes over what docker or podman of this machine has under this name, unless the store has the same; undefined if
   * there is nothing to take. With `builtHereOnly` not what they pulled from a registry.
   */
  adopt(name: string, options?: { builtHereOnly?: boolean }): Promise<ImageInfo | undefined>;
  list(): Promise<ImageInfo[]>;
  remove(nameOrId: string): Promise<void>;
  tag(nameOrId: string, newName: string): Promise<void>;
  /** Reads a docker-archive or OCI archive (tar, or gzipped tar, or an OCI layout directory). */
  load(file: string): Promise<ImageInfo[]>;
  save(nameOrId: string, file: string): Promise<void>;
  /**
   * Removes images that have no tag and that no container uses, with `all` those that have one, too; and whatever no image
   * needs. Tells which names went, and the room that it made.
   */
  prune(options?: { all?: boolean }): Promise<{ removed: string[]; freedBytes: number }>;
  /** Whether all that the names lead to is there and whole; with `deep` by its digest. */
  check(options?: { deep?: boolean }): Promise<ImageCheck>;
  /** Makes a small image from Debian packages; see runtime/images/build.ts. */
  build(spec: BuildSpec): Promise<ImageInfo>;
}

export interface ImageCheck {
  problems: { about: string; problem: string }[];
  /** How many images and blobs were looked at. */
  images: number;
  blobs: number;
}

export interface ImageInfo {
  /** 'sha256:…' of the config. */
  id: string;
  /** Normalised names: 'docker.io/library/httpd:latest'. */
  names: string[];
  /** 'docker.io/library/httpd@sha256:…' */
  digests: string[];
  sizeBytes: number;
  createdAt?: string;
  config: ImageConfig;
  /** Directories of the unpacked layers, topmost first. */
  layers: string[];
}

export interface ImageConfig {
  User?: string;
  ExposedPorts?: Record<string, unknown>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  WorkingDir?: string;
  StopSignal?: string;
  Volumes?: Record<string, unknown>;
  Labels?: Record<string, string>;
}

export interface PulledImage extends ImageInfo {
  /** Which of the credentials led to it; undefined: none was needed. */
  usedCredential?: number;
}

export interface PullOptions {
  credentials?: {
    username?: string;
    password?: string;
    auth?: string;
    identityToken?: string;
    registryToken?: string;
  }[];
  onProgress?(progress: { layer: string; doneBytes: number; totalBytes: number }): void;
  signal?: AbortSignal;
}

export interface BuildSpec {
  name: string;
  packages: string[];
  cmd?: string[];
  entrypoint?: string[];
  env?: string[];
  workingDir?: string;
  user?: string;
  stopSignal?: string;
  expose?: string[];
  /** Files copied in: [path on this host, path in the image]. */
  copy?: [string, string][];
  /** Files with the given content. Mode @default 0o644 */
  files?: { path: string; content: string; mode?: number }[];
  directories?: string[];
  /** Symbolic links: [path, target]. */
  links?: [string, string][];
  /** Files and directories (with a trailing '/') of packages that get another place: [from, to]. */
  moves?: [string, string][];
  /** Packages of the closure that are left out; '*' stands for any characters. */
  skip?: string[];
  /** Only these files of the packages, and the libraries and link targets they need; '*' stands for any characters. */
  keep?: string[];
  onProgress?(line: string): void;
}

/** A failed pull: `reason` is ErrImagePull, InvalidImageName, RegistryUnavailable or SignatureValidationFailed; the message names registry and cause. */
export class ImageError extends Error {
  readonly reason: string;

  constructor(reason: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ImageError';
    this.reason = reason;
  }
}
