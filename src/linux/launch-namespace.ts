import fs from 'node:fs';
import { SyscallError } from '../base/errors.ts';
import { returnTo } from './enter-namespace.ts';
import { call, moveMount, openTree } from './libc.ts';
import type { Launch } from './linux.ts';
import { parseMountInfo, readMountInfo } from './mountinfo.ts';
import { mount, unmount } from './mounts.ts';
import { planLaunchMounts } from './plan-launch-mounts.ts';
import { spawnDaemonNow } from './posix-spawn.ts';

const CLONE_NEWNS = 0x20000;
const CLONE_FS = 0x200;
const AT_FDCWD = -100;
const AT_RECURSIVE = 0x8000;
/** What systemd mounts when it is first needed (autofs, as binfmt_misc) is not mounted for a look: in another namespace that fails. */
const AT_NO_AUTOMOUNT = 0x800;
const OPEN_TREE_CLONE = 1;
const O_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;

/** Programs need their libraries and what these read. */
const systemPaths = ['/usr', '/bin', '/lib', '/lib64', '/etc'];

/** A mount namespace without mounts that come and go, held by this descriptor. Made when it is first needed. */
let base: number | undefined;

/**
 * Starts a program that goes into the background, in a mount namespace of its own that has few mounts: those of `planLaunchMounts`
 * and the given trees, which are copied into it. crun copies the mounts that it finds, reads through them, and drops them
 * again: in the host's namespace each container would cost the more the more there are. The namespace lasts as long as the
 * program; nothing that happens in it is seen by the host.
 */
export function launch({ command, visible, sealed, trees }: Launch): number {
  const home = fs.openSync('/proc/thread-self/ns/mnt', 'r');
  const copies: number[] = [];
  try {
    base ??= openBase(home, visible, sealed);
    for (const { source } of trees) copies.push(copyTree(source));
    enter(base);
    try {
      call('unshare', 'mount namespace', CLONE_NEWNS);
      // All become private at once, then come those that stay what they are.
      const placed = trees.map(({ target, propagates }, index) => ({
        target,
        propagates,
        copy: copies[index] as number,
      }));
      for (const { copy, target, propagates } of placed) if (!propagates) attach(copy, target);
      mount({ source: 'none', target: '/', flags: ['rprivate'] });
      for (const { copy, target, propagates } of placed) if (propagates) attach(copy, target);
      return spawnDaemonNow(command);
    } finally {
      returnTo(home, CLONE_NEWNS);
    }
  } finally {
    for (const copy of copies) fs.closeSync(copy);
    fs.closeSync(home);
  }
}

function copyTree(source: string): number {
  return openTree(AT_FDCWD, source, OPEN_TREE_CLONE | O_CLOEXEC | AT_NO_AUTOMOUNT | AT_RECURSIVE);
}

function attach(copy: number, target: string): void {
  moveMount(copy, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
}

/** setns(2) into a mount namespace asks for a root directory that no other thread shares. */
function enter(namespace: number): void {
  call('unshare', 'root directory', CLONE_FS);
  call('setns', 'the namespace of launches', namespace, CLONE_NEWNS);
}

function openBase(home: number, visible: string[], sealed: string[]): number {
  const { detach, keep } = planLaunchMounts(parseMountInfo(readMountInfo()), realPaths([...systemPaths, ...visible]));
  call('unshare', 'mount namespace', CLONE_NEWNS);
  try {
    mount({ source: 'none', target: '/', flags: ['rprivate'] });
    const kept = keep.flatMap((target) => openAlone(target) ?? []);
    try {
      for (const target of detach) unmount(target);
      for (const { copy, target } of kept) attach(copy, target);
    } finally {
      for (const { copy } of kept) fs.closeSync(copy);
    }
    for (const file of sealed) mount({ source: file, target: file, flags: ['bind', 'ro'] });
    return fs.openSync('/proc/thread-self/ns/mnt', 'r');
  } finally {
    returnTo(home, CLONE_NEWNS);
  }
}

/** A mount without those below it; undefined if a later mount hides it. */
function openAlone(target: string): { copy: number; target: string } | undefined {
  try {
    return { copy: openTree(AT_FDCWD, target, OPEN_TREE_CLONE | O_CLOEXEC | AT_NO_AUTOMOUNT), target };
  } catch (error) {
    if (error instanceof SyscallError && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Paths as they are given, as links lead through them, and as they are without links. */
function realPaths(paths: string[]): string[] {
  return [...new Set(paths.flatMap((path) => [path, fs.existsSync(path) ? fs.realpathSync(path) : path]))];
}
