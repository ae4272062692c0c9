import { closeSync, existsSync, openSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Linux } from '../linux/linux.ts';
import { type OwnLimits, ownLimits } from '../linux/own-limits.ts';
import { capabilitiesOf } from './capabilities.ts';
import { type ProcessUser, readUserFiles, resolveUser, type UserFiles } from './container-user.ts';
import { deviceAt, hostDevices } from './devices.ts';
import type { OciRuntimes } from './oci-runtimes.ts';
import { ociSpec } from './oci-spec.ts';
import { ensureDirectory } from './rootfs.ts';
import { ContainerError, type ContainerSpec, type ImageInfo } from './runtime.ts';
import type { RuntimePaths } from './runtime-paths.ts';
import type { Sandboxes, SandboxRecord } from './sandboxes.ts';
import { SeccompFilters } from './seccomp.ts';
import { defaultSeccompRules, ociSeccomp } from './seccomp-profile.ts';

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

  /** Writes config.json into the bundle `dir`, whose root is mounted; returns as whom the container runs. */
  async write(
    dir: string,
    cgroup: string,
    spec: ContainerSpec,
    image: ImageInfo,
    sandbox: SandboxRecord,
    pidNamespace?: string,
  ): Promise<ProcessUser> {
    const { security } = spec;
    this.#limits ??= ownLimits();
    const limits = this.#limits;
    const capabilities = capabilitiesOf(security, limits.capabilities);
    const filtered = security.seccomp.type === 'RuntimeDefault' && !security.privileged;
    const config = ociSpec(spec, {
      image: image.config,
      user: this.#user(spec, image),
      hostname: sandbox.spec.hostname,
      namespaces: { ...sandbox.namespaces, ...(pidNamespace !== undefined && { pid: pidNamespace }) },
      host: sandbox.spec.host ?? {},
      ...(sandbox.spec.userNamespace && {
        userNamespace: sandbox.spec.userNamespace,
        unmappable: new Set(spec.mounts.map(({ hostPath }) => hostPath).filter(isOverlay)),
      }),
      shm: this.#options.sandboxes.shm(sandbox),
      cgroup,
      cgroupVersion: this.#options.linux.cgroups.layout.version,
      ...(filtered &&
        (this.#options.runtimes.isCrun(sandbox.spec.handler)
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
    for (const mount of spec.mounts) {
      if (!existsSync(mount.hostPath)) {
        throw new ContainerError('CreateContainerError', `mount source "${mount.hostPath}" does not exist`);
      }
    }
    if (spec.terminationMessage) closeSync(openSync(spec.terminationMessage.hostPath, 'a', 0o666));
    ensureDirectory(path.join(dir, 'rootfs'), config.process.cwd);
    writeFileSync(path.join(dir, 'config.json'), JSON.stringify(config));
    return config.process.user;
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
