import fs from 'node:fs';
import { abortProcess, call } from './libc.ts';
import type { NamespaceKind } from './linux.ts';

/** CLONE_NEW* of <sched.h>. */
export const cloneFlags: Record<NamespaceKind, number> = { net: 0x40000000, ipc: 0x08000000, uts: 0x04000000 };

/** Runs `fn`, which must be synchronous, with this thread in the network namespace pinned at `pin`. */
export function insideNetworkNamespace<T>(pin: string, fn: () => T): T {
  return insideNamespace('net', pin, fn);
}

/** The same for a namespace of any kind. */
export function insideNamespace<T>(kind: NamespaceKind, pin: string, fn: () => T): T {
  const home = fs.openSync(`/proc/thread-self/ns/${kind}`, 'r');
  try {
    enterNamespace(kind, pin);
    try {
      return fn();
    } finally {
      returnTo(home, cloneFlags[kind]);
    }
  } finally {
    fs.closeSync(home);
  }
}

/** Takes this thread into a namespace for good; threads and processes that it starts later are in it, too. */
export function enterNamespace(kind: NamespaceKind, pin: string): void {
  const there = fs.openSync(pin, 'r');
  try {
    call('setns', pin, there, cloneFlags[kind]);
  } finally {
    fs.closeSync(there);
  }
}

/** A thread left in a container's namespace would do its next work there, silently: better no process than that one. */
export function returnTo(fd: number, flag: number): void {
  try {
    call('setns', 'the host', fd, flag);
  } catch (error) {
    abortProcess(`cannot return from a namespace: ${error}`);
  }
}
