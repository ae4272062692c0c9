import fs from 'node:fs';
import { readExecutable } from './proc-details.ts';
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

/** Who uses a path (or, of a directory, what is below it), and how: 'fd 5', 'executable', 'directory', 'mapped'. */
export function readOpeners(pids: Iterable<number>, path: string): { pid: number; how: string[] }[] {
  const below = path.endsWith('/') ? path : `${path}/`;
  const isIt = (target: string) => target === path || target === `${path} (deleted)` || target.startsWith(below);
  const found: { pid: number; how: string[] }[] = [];
  for (const pid of pids) {
    const how = readDescriptors(pid)
      .filter(({ target }) => isIt(target))
      .map(({ fd, target }) => `fd ${fd}${target === path ? '' : ` ${target}`}`);
    if (isIt(readExecutable(pid) ?? '')) how.push('executable');
    else if (maps(pid, path)) how.push('mapped');
    if (isIt(workingDirectory(pid))) how.push('working directory');
    if (how.length > 0) found.push({ pid, how });
  }
  return found;
}

function maps(pid: number, path: string): boolean {
  try {
    return readText(`/proc/${pid}/maps`).includes(` ${path}\n`);
  } catch {
    return false;
  }
}

function workingDirectory(pid: number): string {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
