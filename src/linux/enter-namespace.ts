import fs from 'node:fs';
import { abortProcess, call } from './libc.ts';
import type { NamespaceKind } from './linux.ts';

/** CLONE_NEW* of <sched.h>. */
export const cloneFlags: Record<NamespaceKind, number> = { net: 0x40000000, ipc: 0x08000000, uts: 0x04000000 };

/** Runs `fn`, which must be synchronous, with this thread in the network namespace pinned at `pin`. */
export function insideNetworkNamespace<T>(pin: string, fn: () => T): T {
  const home = fs.openSync('/proc/thread-self/ns/net', 'r');
  try {
    const there = fs.openSync(pin, 'r');
    try {
      call('setns', pin, there, cloneFlags.net);
    } finally {
      fs.closeSync(there);
    }
    try {
      return fn();
    } finally {
      returnTo(home, cloneFlags.net);
    }
  } finally {
    fs.closeSync(home);
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
