import fs from 'node:fs';
import path from 'node:path';
import { cloneFlags, returnTo } from './enter-namespace.ts';
import { call } from './libc.ts';
import type { NamespaceKind } from './linux.ts';
import { mount, unmount } from './mounts.ts';
import { setLoopbackUp } from './net-devices.ts';
import { writeSysctl } from './sysctl.ts';

export type NamespacePins = Partial<Record<NamespaceKind, string>>;

/**
 * Makes namespaces and pins them by bind mounts of /proc/thread-self/ns/*, so that they need no process to live. Synchronous
 * from unshare to setns: nothing else can run on this thread meanwhile, and other threads are not concerned.
 */
export function createNamespaces(
  pins: NamespacePins,
  options: { hostname?: string; sysctls?: Record<string, string> } = {},
): void {
  const kinds = Object.keys(pins) as NamespaceKind[];
  if (kinds.length === 0) return;
  for (const kind of kinds) preparePin(pins[kind]!);
  const pinned: string[] = [];
  try {
    insideNewNamespaces(kinds, () => {
      if (pins.uts && options.hostname)
        call('sethostname', options.hostname, options.hostname, Buffer.byteLength(options.hostname));
      if (pins.net) setLoopbackUp();
      for (const [name, value] of Object.entries(options.sysctls ?? {})) writeSysctl(name, value);
      for (const kind of kinds) {
        mount({ source: `/proc/thread-self/ns/${kind}`, target: pins[kind]!, flags: ['bind'] });
        pinned.push(pins[kind]!);
      }
    });
  } catch (error) {
    for (const pin of pinned) unmount(pin);
    throw error;
  }
}

function preparePin(pin: string): void {
  unmount(pin); // left over from a crash
  try {
    fs.closeSync(fs.openSync(pin, 'a'));
  } catch {
    fs.mkdirSync(path.dirname(pin), { recursive: true });
    fs.closeSync(fs.openSync(pin, 'a'));
  }
}

function insideNewNamespaces(kinds: NamespaceKind[], fn: () => void): void {
  const home = kinds.map((kind) => ({ kind, fd: fs.openSync(`/proc/thread-self/ns/${kind}`, 'r') }));
  try {
    call(
      'unshare',
      kinds.join(' '),
      kinds.reduce((flags, kind) => flags | cloneFlags[kind], 0),
    );
    try {
      fn();
    } finally {
      for (const { kind, fd } of home) returnTo(fd, cloneFlags[kind]);
    }
  } finally {
    for (const { fd } of home) fs.closeSync(fd);
  }
}

export function removeNamespaces(pins: NamespacePins): void {
  for (const pin of Object.values(pins)) {
    unmount(pin);
    fs.rmSync(pin, { force: true });
  }
}
