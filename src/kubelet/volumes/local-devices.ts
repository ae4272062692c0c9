import fs from 'node:fs/promises';
import path from 'node:path';
import type { PersistentVolumeSpec } from '../../api/generated/core-v1.ts';
import type { Linux } from '../../linux/linux.ts';
import type { KubeletDirectory } from '../csi/kubelet-directory.ts';

/** Where the file systems of local devices are mounted, once for all Pods (pkg/volume/local). */
const mountsDirectory = 'plugins/kubernetes.io/local-volume/mounts';

const fileSystems = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs'];

interface Device {
  /** A block device, or a file that stands for one. */
  file: string;
  /** Uids of Pods that have it mounted. */
  users: Set<string>;
  /** The mounting that is under way or done. */
  mounted: Promise<string>;
}

/** Local volumes that are block devices with a file system: made if there is none yet, and mounted (mount-utils SafeFormatAndMount). */
export class LocalDevices {
  readonly #linux: Linux;
  readonly #directory: KubeletDirectory;
  /** By name of the PersistentVolume. */
  readonly #devices = new Map<string, Device>();

  constructor(parts: { linux: Linux; kubeletDirectory: KubeletDirectory }) {
    this.#linux = parts.linux;
    this.#directory = parts.kubeletDirectory;
  }

  /** Mounts a volume for a Pod; where it is. */
  mount(podUid: string, name: string, file: string, spec: PersistentVolumeSpec): Promise<string> {
    let device = this.#devices.get(name);
    if (!device) {
      device = { file, users: new Set(), mounted: this.#mount(name, file, spec) };
      this.#devices.set(name, device);
      device.mounted.catch(() => this.#devices.delete(name));
    }
    device.users.add(podUid);
    return device.mounted;
  }

  /** A Pod has ended: what nobody else uses is unmounted. */
  async release(podUid: string): Promise<void> {
    for (const [name, device] of this.#devices) {
      if (!device.users.delete(podUid) || device.users.size > 0) continue;
      this.#devices.delete(name);
      await this.#linux.mounts.unmount(this.#target(name));
      await fs.rmdir(this.#target(name));
      await this.#linux.loops.detach(device.file);
    }
  }

  /** Unmounts what is left of Pods that went while nobody looked. Those who still use it have mounts of their own. */
  async removeUnused(): Promise<void> {
    const base = this.#directory.at(mountsDirectory);
    for (const { target, source } of await this.#linux.mounts.list(base)) {
      if (this.#devices.has(path.basename(target))) continue;
      await this.#linux.mounts.unmount(target);
      const loop = (await this.#linux.loops.list()).find(({ device }) => device === source);
      if (loop) await this.#linux.loops.detach(loop.file);
    }
  }

  /** Lets a file system fill its device, which has grown; ext4 can while it is in use, and so can XFS. */
  async grow(name: string, file: string): Promise<void> {
    const isFile = !(await isBlockDevice(file));
    if (isFile) await this.#linux.loops.grow(file);
    const device = isFile ? await this.#linux.loops.attach(file) : file;
    const type = await this.#typeOf(device);
    if (type === 'xfs') await this.#run(['xfs_growfs', this.#target(name)]);
    else if (type.startsWith('ext')) await this.#run(['resize2fs', device]);
  }

  #target(name: string): string {
    return this.#directory.at(mountsDirectory, name);
  }

  async #mount(name: string, file: string, spec: PersistentVolumeSpec): Promise<string> {
    const { mounts, loops } = this.#linux;
    const target = this.#target(name);
    await fs.mkdir(target, { recursive: true, mode: 0o750 });
    if ((await mounts.list(target)).some((one) => one.target === target)) return target;
    try {
      await this.#mountDevice(target, (await isBlockDevice(file)) ? file : await loops.attach(file), spec);
    } catch (error) {
      await loops.detach(file);
      throw error;
    }
    return target;
  }

  async #mountDevice(target: string, device: string, spec: PersistentVolumeSpec): Promise<void> {
    const found = await this.#typeOf(device);
    const type = found || spec.local?.fsType || 'ext4';
    if (!fileSystems.includes(type)) throw new Error(`file system "${type}" is not supported`);
    // Without room kept for root, of whom the volume is not.
    if (!found) await this.#run([`mkfs.${type}`, ...(type.startsWith('ext') ? ['-q', '-F', '-m0'] : []), device]);
    else if (type.startsWith('ext')) await this.#fill(device);
    await this.#linux.mounts.mount({ source: device, target, type, ...mountOptions(spec.mountOptions) });
    // Whoever the containers run as, they may write there, as in a directory of the same class.
    if (!found) await fs.chmod(target, 0o777);
  }

  /** What could not grow in use (that takes CAP_SYS_RESOURCE) grows before it is mounted again. */
  async #fill(device: string): Promise<void> {
    const { code } = await this.#linux.processes.run(['resize2fs', device]);
    if (code === 0) return;
    const check = await this.#linux.processes.run(['e2fsck', '-f', '-p', device]);
    // e2fsck(8): 1 means that errors were corrected.
    if (check.code > 1) throw new Error(`e2fsck of ${device} failed with ${check.code}: ${check.stdout.trim()}`);
    await this.#run(['resize2fs', device]);
  }

  /** What is on a device; '' for nothing. */
  async #typeOf(device: string): Promise<string> {
    const { code, stdout, stderr } = await this.#linux.processes.run([
      'blkid',
      '-p',
      '-o',
      'value',
      '-s',
      'TYPE',
      device,
    ]);
    // blkid(8): 2 means that nothing was found. Anything else must not lead to formatting.
    if (code !== 0 && code !== 2) throw new Error(`cannot tell what is on ${device}: ${stderr.trim()}`);
    return stdout.trim();
  }

  async #run(command: string[]): Promise<void> {
    const { code, stdout, stderr } = await this.#linux.processes.run(command, { timeoutMs: 120_000 });
    if (code !== 0) throw new Error(`${command.join(' ')} failed with ${code}: ${(stderr || stdout).trim()}`);
  }
}

const flagNames = new Set(['ro', 'nosuid', 'nodev', 'noexec', 'noatime', 'nodiratime', 'sync', 'dirsync']);

/** mountOptions as mount(8) has them: some are flags, the rest is for the file system. */
function mountOptions(options: string[] = []): { flags?: string[]; data?: string } {
  const flags = options.filter((one) => flagNames.has(one));
  const data = options.filter((one) => !flagNames.has(one)).join(',');
  return { ...(flags.length > 0 && { flags }), ...(data && { data }) };
}

const isBlockDevice = async (file: string): Promise<boolean> => (await fs.stat(file)).isBlockDevice();
