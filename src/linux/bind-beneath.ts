import fs from 'node:fs';
import path from 'node:path';
import { mount, unmount } from './mounts.ts';

/** O_PATH | O_NOFOLLOW of <fcntl.h>: a handle on the entry itself, also when that is a symbolic link. */
const O_PATH = 0o10000000;
const handle = O_PATH | fs.constants.O_NOFOLLOW;

export interface BindBeneath {
  /** A directory that is trusted. */
  base: string;
  /** Relative, of plain names; what is absent is made as directories with the mode of `base`. */
  path: string;
  /** Made as what is mounted on it, a directory or a file; a mount that is there already is replaced. */
  target: string;
}

/**
 * Binds what is at `path` below `base`, following no symbolic link whatever others do to the tree meanwhile: each name is
 * opened below the handle of the one before (kubernetes pkg/volume/util/subpath doSafeOpen and doBindSubPath).
 */
export function bindBeneath({ base, path: relative, target }: BindBeneath): void {
  let at = fs.openSync(base, O_PATH | fs.constants.O_DIRECTORY);
  try {
    const { mode } = fs.fstatSync(at);
    for (const name of relative.split('/').filter(Boolean)) {
      if (name === '.' || name === '..') throw new Error(`cannot bind ${relative} below ${base}: '${name}' is no name`);
      const next = openEntry(at, name, mode & 0o7777);
      fs.closeSync(at);
      at = next;
      if (fs.fstatSync(at).isSymbolicLink())
        throw new Error(`cannot bind ${relative} below ${base}: '${name}' is a symbolic link`);
    }
    unmount(target);
    prepareTarget(target, fs.fstatSync(at).isDirectory());
    mount({ source: through(at), target, flags: ['bind', 'rec'] });
  } finally {
    fs.closeSync(at);
  }
}

const through = (fd: number) => `/proc/self/fd/${fd}`;

function openEntry(directory: number, name: string, mode: number): number {
  const entry = `${through(directory)}/${name}`;
  try {
    return fs.openSync(entry, handle);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  try {
    fs.mkdirSync(entry);
    // The process's umask is not the volume's.
    fs.chmodSync(entry, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return fs.openSync(entry, handle);
}

function prepareTarget(target: string, directory: boolean): void {
  fs.mkdirSync(directory ? target : path.dirname(target), { recursive: true, mode: 0o750 });
  if (!directory) fs.closeSync(fs.openSync(target, 'a', 0o640));
}
