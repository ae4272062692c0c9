import { readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Linux } from '../linux/linux.ts';
import type { RuntimePaths } from './runtime-paths.ts';

/** Which containers and sandboxes have a state that says all. */
export interface Claims {
  container(id: string): boolean;
  sandbox(id: string): boolean;
}

const pause = /-pause$/;
const claimed = (claims: Claims, id: string): boolean =>
  pause.test(id) ? claims.sandbox(id.replace(pause, '')) : claims.container(id);

/**
 * Ends the monitors and crun processes of containers that nobody claims: whoever started them died before it noted that
 * they run. What they have made so far lies in the container's cgroup, and goes with it.
 */
export function endUnclaimedProcesses(linux: Linux, paths: RuntimePaths, claims: Claims): void {
  for (const { pid, command } of linux.processes.withArgument(paths.crun)) {
    const known = command.some((argument) => argument !== '' && claimed(claims, argument));
    if (!known) linux.processes.kill(pid, 'SIGKILL');
  }
}

/** Mounts, writable layers, exit files and crun's records of containers and sandboxes that nobody claims. */
export async function removeUnclaimedState(linux: Linux, paths: RuntimePaths, claims: Claims): Promise<void> {
  const owners: [dir: string, isClaimed: (id: string) => boolean][] = [
    [paths.containers, claims.container],
    [paths.sandboxes, claims.sandbox],
  ];
  for (const [dir, isClaimed] of owners) {
    for (const { target } of await linux.mounts.list(dir)) {
      const [id = ''] = path.relative(dir, target).split(path.sep);
      if (id !== '' && !isClaimed(id)) await linux.mounts.unmount(target);
    }
    for (const id of readdirSync(dir)) if (!isClaimed(id)) rmSync(path.join(dir, id), { recursive: true, force: true });
  }
  for (const [dir, isClaimed] of [
    [paths.writable, claims.container],
    [paths.exits, claims.container],
    [paths.crun, (id: string) => claimed(claims, id)],
  ] as const) {
    for (const id of readdirSync(dir))
      if (!isClaimed(id)) await rm(path.join(dir, id), { recursive: true, force: true });
  }
}
