import { closeSync, mkdirSync, openSync, readFileSync, type Stats, statfsSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Linux, MountTree } from '../linux/linux.ts';
import { type OwnLimits, ownLimits } from '../linux/own-limits.ts';
import { capabilitiesOf } from './capabilities.ts';
import { type ProcessUser, readUserFiles, resolveUser, type UserFiles } from './container-user.ts';
import { deviceAt, hostDevices } from './devices.ts';
import { launchTrees, sourcesDir } from './launch-trees.ts';
import { isCrun, type OciRuntimes } from './oci-runtimes.ts';
import { ociSpec } from './oci-spec.ts';
import { ensureDirectory } from './rootfs.ts';
import { ContainerError, type ContainerSpec, type ImageInfo } from './runtime.ts';
import type { RuntimePaths } from './runtime-paths.ts';
import type { Sandboxes, SandboxRecord } from './sandboxes.ts';
import { SeccompFilters } from './seccomp.ts';
import { defaultSeccompRules, ociSeccomp } from './seccomp-profile.ts';

/** A bundle that is ready to be started. */
export interface Bundle {
  /** As whom the container runs. */
  user: ProcessUser;
  /** What crun must find mounted; undefined where it is to see the host as it is. */
  trees: MountTree[] | undefined;
}

/** Gathers from image, sandbox and host what a container's OCI spec depends on, and writes it. */
export class BundleWriter {
  readonly #options: { linux: Linux; sandboxes: Sandboxes; runtimes: OciRuntimes };
  readonly #seccomp: SeccompFilters;
  /** Users and groups by image id: files of layers never change. */
  readonly #userFiles = new Map<string, UserFiles>();
  /** What we may hand on; read once. */
  #limits: OwnLimits | undefined;

  constructor(options: { linux: Linux; sandboxes: Sandboxes; runtimes: OciRuntimes; paths: RuntimePaths }) {
    this.#options = options;
    this.#seccomp = new SeccompFilters(options.paths.seccomp);
  }

  /** Writes config.json into the bundle `dir`, whose root is mounted. */
  async write(
    dir: string,
    cgroup: string,
    spec: ContainerSpec,
    image: ImageInfo,
    sandbox: SandboxRecord,
    pidNamespace?: string,
  ): Promise<Bundle> {
    const { security } = spec;
    const { namespaces } = sandbox;
    const shm = this.#options.sandboxes.shm(sandbox);
    const byCrun = isCrun(this.#options.runtimes.program(sandbox.spec.handler));
    // Other OCI runtimes may need who knows what of the host.
    const launch = byCrun ? launchTrees(dir, spec, [shm, ...pins(namespaces)]) : undefined;
    this.#limits ??= ownLimits();
    const limits = this.#limits;
    const capabilities = capabilitiesOf(security, limits.capabilities);
    const filtered = security.seccomp.type === 'RuntimeDefault' && !security.privileged;
    const config = ociSpec(spec, {
      image: image.config,
      user: this.#user(spec, image),
      hostname: sandbox.spec.hostname,
      namespaces: { ...namespaces, ...(pidNamespace !== undefined && { pid: pidNamespace }) },
      host: sandbox.spec.host ?? {},
      ...(sandbox.spec.userNamespace && {
        userNamespace: sandbox.spec.userNamespace,
        unmappable: new Set(spec.mounts.map(({ hostPath }) => hostPath).filter(isOverlay)),
      }),
      shm,
      ...(launch && { sources: launch.sources }),
      cgroup,
      cgroupVersion: this.#options.linux.cgroups.layout.version,
      ...(filtered &&
        (byCrun
          ? { seccompFilter: await this.#seccomp.runtimeDefault(capabilities) }
          : { seccompProfile: ociSeccomp(defaultSeccompRules(capabilities)) })),
      ...(security.seccomp.type === 'Localhost' && { seccompProfile: readProfile(security.seccomp.path) }),
      capabilities: limits.capabilities,
      oomScoreAdj: limits.oomScoreAdj,
      hardLimits: limits.hardLimits,
      hostDevices: security.privileged ? hostDevices() : [],
      devices: (spec.devices ?? []).map(({ path: file, containerPath, permissions }) => {
        const device = deviceAt(file, containerPath, permissions);
        if (!device) throw new ContainerError('CreateContainerError', `"${file}" is no device`);
        return device;
      }),
    });
    if (spec.terminationMessage) closeSync(openSync(spec.terminationMessage.hostPath, 'a', 0o666));
    if (launch) makePlaces(dir, launch.sources);
    else for (const { hostPath } of spec.mounts) requireSource(hostPath);
    ensureDirectory(path.join(dir, 'rootfs'), config.process.cwd);
    writeFileSync(path.join(dir, 'config.json'), JSON.stringify(config));
    return { user: config.process.user, trees: launch?.trees };
  }

  #user(spec: ContainerSpec, image: ImageInfo): ProcessUser {
    let files = this.#userFiles.get(image.id);
    if (!files) {
      files = readUserFiles(image.layers);
      this.#userFiles.set(image.id, files);
    }
    const user = spec.security.user ?? image.config.User ?? '';
    try {
      return resolveUser(user, files, spec.security.supplementalGroups, spec.security);
    } catch (error) {
      throw new ContainerError('CreateContainerError', (error as Error).message, error);
    }
  }
}

/** Files that namespaces are pinned at; one that a process holds is found by its pid. */
const pins = ({ net, ipc, uts, user }: SandboxRecord['namespaces']): string[] =>
  [net, ipc, uts, user].filter((pin) => pin !== undefined);

function requireSource(hostPath: string): Stats {
  const stats = statSync(hostPath, { throwIfNoEntry: false });
  if (!stats) throw new ContainerError('CreateContainerError', `mount source "${hostPath}" does not exist`);
  return stats;
}

/** Empty files and directories, each for a mount of its kind. */
function makePlaces(bundle: string, sources: ReadonlyMap<string, string>): void {
  mkdirSync(sourcesDir(bundle));
  for (const [source, place] of sources)
    if (requireSource(source).isDirectory()) mkdirSync(place);
    else closeSync(openSync(place, 'w'));
}

/** statfs(2) f_type of an overlay. */
const overlayMagic = 0x794c7630;

function isOverlay(file: string): boolean {
  try {
    return statfsSync(file).type === overlayMagic;
  } catch {
    return false;
  }
}

function readProfile(file: string | undefined): unknown {
  try {
    return JSON.parse(readFileSync(file ?? '', 'utf8'));
  } catch (error) {
    throw new ContainerError(
      'CreateContainerError',
      `cannot load seccomp profile "${file}": ${(error as Error).message}`,
      error,
    );
  }
}
