import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

/** What the group may do with a volume's files, and that new ones belong to it, too (volume_linux.go). */
const writable = 0o660;
const readOnlyBits = 0o440;
const searchable = 0o110;
const setgid = 0o2000;

export interface Ownership {
  fsGroup: number;
  readOnly?: boolean;
  /** 'OnRootMismatch' trusts a volume whose root is right already (KEP-695). @default 'Always' */
  policy?: 'Always' | 'OnRootMismatch';
}

/** Gives a volume's files to the Pod's fsGroup (pkg/volume SetVolumeOwnership). */
export async function setOwnership(root: string, { fsGroup, readOnly, policy }: Ownership): Promise<void> {
  const bits = readOnly ? readOnlyBits : writable;
  if (policy === 'OnRootMismatch' && (await isRight(root, fsGroup, bits))) return;
  // The root last: it says that all the rest is done.
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true }))
    await give(path.join(entry.parentPath, entry.name), fsGroup, bits);
  await give(root, fsGroup, bits);
}

async function isRight(root: string, fsGroup: number, bits: number): Promise<boolean> {
  const { gid, mode } = await lstat(root);
  const wanted = bits | searchable | setgid;
  return gid === fsGroup && (mode & wanted) === wanted;
}

async function give(file: string, fsGroup: number, bits: number): Promise<void> {
  const stats = await lstat(file);
  await lchown(file, stats.uid, fsGroup);
  if (stats.isSymbolicLink()) return;
  const mode = stats.mode & 0o7777;
  await chmod(file, mode | bits | (stats.isDirectory() ? searchable | setgid : 0));
}
