import fs from 'node:fs';
import path from 'node:path';
import { SyscallError } from '../base/errors.ts';
import { call, fsconfig, fsmount, fsopen, mountSetattr, moveMount, openTree } from './libc.ts';
import type { MountInfo } from './linux.ts';
import { mountsBelow, parseMountInfo, readMountInfo } from './mountinfo.ts';

/** <sys/mount.h>; 'rec' and the propagation names combine as in mount(8). */
const flagBits: Record<string, number> = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  remount: 32,
  noatime: 1024,
  bind: 4096,
  rec: 16384,
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
  relatime: 1 << 21,
  rprivate: (1 << 18) | 16384,
  rslave: (1 << 19) | 16384,
  rshared: (1 << 20) | 16384,
};
const MS_REMOUNT = 32;
const MS_BIND = 4096;
const MS_REC = 16384;
const propagation = (1 << 17) | (1 << 18) | (1 << 19) | (1 << 20);
const MNT_DETACH = 2;

export interface MountRequest {
  source: string;
  target: string;
  type?: string;
  flags?: string[];
  data?: string;
}

/** mount(2). A new bind mount ignores flags such as 'ro', and propagation needs a call of its own, so they follow as further calls. */
export function mount({ source, target, type, flags = [], data }: MountRequest): void {
  let bits = 0;
  for (const flag of flags) {
    const bit = flagBits[flag];
    if (bit === undefined) throw new Error(`unknown mount flag '${flag}' for ${target}`);
    bits |= bit;
  }
  const spread = bits & propagation;
  const rest = bits & ~propagation;
  const about = `${source} on ${target}`;
  const onlyPropagation = spread !== 0 && (rest & ~MS_REC) === 0 && !type;
  if (!onlyPropagation) {
    call('mount', about, source, target, type ?? null, spread ? rest & ~MS_REC : rest, data ?? null);
    const attributes = rest & ~(MS_BIND | MS_REC | MS_REMOUNT);
    if (rest & MS_BIND && !(rest & MS_REMOUNT) && attributes) {
      call('mount', about, source, target, null, MS_BIND | MS_REMOUNT | attributes, null);
    }
  }
  if (spread) call('mount', about, 'none', target, null, spread | (bits & MS_REC), null);
}

export interface OverlayRequest {
  target: string;
  lower: string[];
  /** The writable layer; without one the mount is read-only. */
  upper?: string;
  work?: string;
}

/** mount(2) takes one page of options; a longer list of layers goes in through fsconfig(2), one call a layer (Linux 6.7). */
export function overlay({ target, lower, upper, work }: OverlayRequest): void {
  const data = `lowerdir=${lower.map(escapeLayer).join(':')}${writable(upper, work)}`;
  if (data.length < 4096) {
    call('mount', `overlay on ${target}`, 'overlay', target, 'overlay', 0, data);
    return;
  }
  try {
    overlayByLayers({ target, lower, upper, work });
  } catch (error) {
    if (!(error instanceof SyscallError) || (error.code !== 'EINVAL' && error.code !== 'ENOSYS')) throw error;
    overlayByLinks({ target, lower, upper, work });
  }
}

function overlayByLayers({ target, lower, upper, work }: OverlayRequest): void {
  const CONFIG_STRING = 1;
  const CONFIG_CREATE = 6;
  const context = fsopen('overlay', 1);
  try {
    for (const layer of lower) fsconfig(context, CONFIG_STRING, 'lowerdir+', layer, 0);
    if (upper && work) {
      fsconfig(context, CONFIG_STRING, 'upperdir', upper, 0);
      fsconfig(context, CONFIG_STRING, 'workdir', work, 0);
    }
    fsconfig(context, CONFIG_CREATE, null, null, 0);
    const fd = fsmount(context, 1, 0);
    try {
      moveMount(fd, '', -100, target, 4);
    } finally {
      call('close', 'overlay mount', fd);
    }
  } finally {
    call('close', 'overlay context', context);
  }
}

/** On older kernels: shorter options, by links with names of a letter or three; they are followed once, by the mount. */
function overlayByLinks({ target, lower, upper, work }: OverlayRequest): void {
  const CLONE_FS = 0x200;
  const links = fs.mkdtempSync(path.join(path.dirname(target), 'layers-'));
  try {
    const names = lower.map((_, index) => index.toString(36));
    for (const [index, layer] of lower.entries()) fs.symlinkSync(layer, path.join(links, names[index] as string));
    const data = `lowerdir=${names.join(':')}${writable(upper, work)}`;
    call('unshare', 'working directory', CLONE_FS); // chdir(2) then concerns this thread only
    call('chdir', links, links);
    call('mount', `overlay of ${lower.length} layers on ${target}`, 'overlay', target, 'overlay', 0, data);
  } finally {
    call('chdir', '/', '/');
    fs.rmSync(links, { recursive: true });
  }
}

const writable = (upper: string | undefined, work: string | undefined): string =>
  upper && work ? `,upperdir=${escapePath(upper)},workdir=${escapePath(work)}` : '';

const escapePath = (directory: string) => directory.replace(/[\\,]/g, '\\$&');
const escapeLayer = (directory: string) => directory.replace(/[\\,:]/g, '\\$&');

export interface IdmapRequest {
  source: string;
  target: string;
  /** A file that stands for the user namespace whose mapping holds in the new mount. */
  userNamespace: string;
}

/** Binds a directory so that its files belong to the ids that a user namespace maps theirs to (mount_setattr(2), Linux 5.12). */
export function idmap({ source, target, userNamespace }: IdmapRequest): void {
  const OPEN_TREE_CLONE = 1;
  const O_CLOEXEC = 0o2000000;
  const AT_EMPTY_PATH = 0x1000;
  const MOUNT_ATTR_IDMAP = 0x100000n;
  const tree = openTree(-100, source, OPEN_TREE_CLONE | O_CLOEXEC);
  const namespace = fs.openSync(userNamespace, 'r');
  try {
    // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
    const attributes = Buffer.alloc(32);
    attributes.writeBigUInt64LE(MOUNT_ATTR_IDMAP, 0);
    attributes.writeBigUInt64LE(BigInt(namespace), 24);
    mountSetattr(tree, '', AT_EMPTY_PATH, attributes, attributes.length);
    moveMount(tree, '', -100, target, 4);
  } finally {
    fs.closeSync(namespace);
    call('close', `mount of ${source}`, tree);
  }
}

/** umount2(2) with MNT_DETACH; what is not a mount point or not there is no error. */
export function unmount(target: string): void {
  try {
    call('umount2', target, target, MNT_DETACH);
  } catch (error) {
    if (!(error instanceof SyscallError) || (error.code !== 'EINVAL' && error.code !== 'ENOENT')) throw error;
  }
}

export function listMounts(prefix: string): MountInfo[] {
  return mountsBelow(parseMountInfo(readMountInfo()), prefix);
}
