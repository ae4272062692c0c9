import { lstatSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { OciDevice } from './oci-spec.ts';

/** A device node as the OCI spec has it; undefined if the path is none. */
export function deviceAt(hostPath: string, containerPath: string, permissions: string): OciDevice | undefined {
  const stats = statSync(hostPath, { throwIfNoEntry: false });
  if (!stats || !(stats.isCharacterDevice() || stats.isBlockDevice())) return undefined;
  // gnu_dev_major(3), gnu_dev_minor(3)
  const major = ((stats.rdev >>> 8) & 0xfff) | (Math.floor(stats.rdev / 2 ** 32) & ~0xfff);
  const minor = (stats.rdev & 0xff) | ((stats.rdev >>> 12) & 0xfff00);
  const type = stats.isCharacterDevice() ? 'c' : 'b';
  return { path: containerPath, type, major, minor, fileMode: stats.mode & 0o777, permissions };
}

/** What containerd leaves out of a privileged container's /dev (pkg/oci HostDevices). */
const skipped = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console', 'ptmx']);

/** All devices of the host, for privileged containers. */
export function hostDevices(dir = '/dev'): OciDevice[] {
  return readdirSync(dir).flatMap((name) => {
    const file = path.join(dir, name);
    if (skipped.has(name)) return [];
    const stats = lstatSync(file, { throwIfNoEntry: false });
    if (!stats || stats.isSymbolicLink()) return [];
    if (stats.isDirectory()) return hostDevices(file);
    const device = deviceAt(file, file, 'rwm');
    return device ? [device] : [];
  });
}
