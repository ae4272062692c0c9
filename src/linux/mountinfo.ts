import type { MountInfo } from './linux.ts';
import { readText } from './read-text.ts';

export interface MountInfoEntry extends MountInfo {
  /** The directory of the file system that is the root of this mount. */
  root: string;
  /** Options of the file system: on cgroup v1 the controllers. */
  superOptions: string;
}

/** The mounts of this process, as text. */
export function readMountInfo(): string {
  return readText('/proc/self/mountinfo');
}

/** Parses /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export function parseMountInfo(text: string): MountInfoEntry[] {
  const entries: MountInfoEntry[] = [];
  for (const line of text.split('\n')) {
    const dash = line.indexOf(' - ');
    if (dash < 0) continue;
    const [, , , root = '', target = '', options = ''] = line.slice(0, dash).split(' ');
    const [type = '', source = '', superOptions = ''] = line.slice(dash + 3).split(' ');
    entries.push({
      target: decodeOctal(target),
      type,
      source: decodeOctal(source),
      options,
      root: decodeOctal(root),
      superOptions,
    });
  }
  return entries;
}

/** The mount points at or below `prefix`, the last mounted first, so that they can be unmounted in this order. */
export function mountsBelow(entries: MountInfoEntry[], prefix: string): MountInfo[] {
  const base = prefix.replace(/\/+$/, '');
  return entries
    .filter(({ target }) => target === base || target.startsWith(`${base}/`))
    .reverse()
    .sort((a, b) => depth(b.target) - depth(a.target))
    .map(({ target, type, source, options, superOptions }) => ({
      ...{ target, type, source },
      options: `${options},${superOptions}`,
    }));
}

const depth = (target: string) => target.split('/').length;

/** Blank, tab, newline and backslash are written in octal. */
function decodeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  // Octal escapes are bytes of the file name, so unescape bytes and decode afterwards.
  const bytes = Buffer.from(text)
    .toString('latin1')
    .replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
