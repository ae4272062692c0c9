import fs from 'node:fs';
import { readDescriptors } from './proc-sockets.ts';
import { readText } from './read-text.ts';

export interface FileFacts {
  type: 'file' | 'directory' | 'device' | 'socket' | 'pipe';
  sizeBytes: number;
  changedAtMs: number;
}

export function readFileFacts(path: string): FileFacts | undefined {
  try {
    const stats = fs.statSync(path);
    const type = stats.isDirectory()
      ? 'directory'
      : stats.isSocket()
        ? 'socket'
        : stats.isFIFO()
          ? 'pipe'
          : stats.isFile()
            ? 'file'
            : 'device';
    return { type, sizeBytes: stats.size, changedAtMs: stats.mtimeMs };
  } catch {
    return undefined;
  }
}

/**
 * Who uses a path (or, of a directory, what is below it), and how: 'fd 5', 'executable', 'working directory', 'mapped'.
 * A path is another file in another mount namespace, and one file may have several paths: what counts there is the file.
 */
export function readOpeners(pids: Iterable<number>, path: string): { pid: number; how: string[] }[] {
  // '/bin/bash' is '/usr/bin/bash' where /usr is merged.
  const names = [...new Set([path, realPath(path)])];
  const isIt = (target: string) =>
    names.some(
      (name) =>
        target === name || target === `${name} (deleted)` || target.startsWith(name.endsWith('/') ? name : `${name}/`),
    );
  const identity = identityOf(path);
  const here = link('/proc/self/ns/mnt');
  const found: { pid: number; how: string[] }[] = [];
  for (const pid of pids) {
    const directory = `/proc/${pid}`;
    const sameMounts = link(`${directory}/ns/mnt`) === here;
    const uses = (name: string, target = link(`${directory}/${name}`)) =>
      sameMounts ? isIt(target) : identity !== undefined && identityOf(`${directory}/${name}`) === identity;
    const how = readDescriptors(pid)
      .filter(({ target }) => target.startsWith('/'))
      .filter(({ fd, target }) => uses(`fd/${fd}`, target))
      .map(({ fd, target }) => `fd ${fd}${target === path ? '' : ` ${target}`}`);
    if (uses('exe')) how.push('executable');
    else if (sameMounts && names.some((name) => maps(pid, name))) how.push('mapped');
    if (uses('cwd')) how.push('working directory');
    if (how.length > 0) found.push({ pid, how });
  }
  return found;
}

function realPath(path: string): string {
  try {
    return fs.realpathSync(path);
  } catch {
    return path;
  }
}

/** 'device inode'. */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = fs.statSync(path);
    return `${dev} ${ino}`;
  } catch {
    return undefined;
  }
}

function maps(pid: number, path: string): boolean {
  try {
    return readText(`/proc/${pid}/maps`).includes(` ${path}\n`);
  } catch {
    return false;
  }
}

function link(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch {
    return '';
  }
}
