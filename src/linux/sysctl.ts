import fs from 'node:fs';
import { readText } from './read-text.ts';

/**
 * The file of a sysctl. Dots and slashes change places, as in sysctl(8): 'net.ipv4.conf.eth0/1.forwarding' is about
 * the link eth0.1.
 */
export function sysctlPath(name: string): string {
  const firstDot = name.indexOf('.');
  const firstSlash = name.indexOf('/');
  const slashed = firstSlash >= 0 && (firstDot < 0 || firstSlash < firstDot);
  const file = slashed ? name : name.replace(/[./]/g, (char) => (char === '.' ? '/' : '.'));
  if (file.split('/').includes('..')) throw new Error(`invalid sysctl name '${name}'`);
  return `/proc/sys/${file}`;
}

/** Writes a sysctl in the namespaces of the calling thread. */
export function writeSysctl(name: string, value: string): void {
  try {
    fs.writeFileSync(sysctlPath(name), value, { flag: 'r+' });
  } catch (error) {
    throw new Error(`cannot set sysctl ${name} to '${value}'`, { cause: error });
  }
}

/** undefined when the kernel has no such sysctl. */
export function readSysctl(name: string): string | undefined {
  try {
    return readText(sysctlPath(name)).trimEnd();
  } catch {
    return undefined;
  }
}
