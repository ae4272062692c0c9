import os from 'node:os';
import type { NodeStatus } from '../../api/generated/core-v1.ts';

/** What the node's OCI runtimes can do (KEP-3857, KEP-127), by handler. */
export function runtimeHandlers(names: string[], kernel = os.release()): NonNullable<NodeStatus['runtimeHandlers']> {
  const [major = 0, minor = 0] = kernel.split('.').map(Number);
  const since = (wantedMajor: number, wantedMinor: number) =>
    major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  // mount_setattr(2) came with 5.12; tmpfs, which most volumes are on, can be mapped since 6.3.
  const features = { recursiveReadOnlyMounts: since(5, 12), userNamespaces: since(6, 3) };
  return names.map((name) => ({ name, features }));
}
