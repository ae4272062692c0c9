import path from 'node:path';
import type { MountTree } from '../linux/linux.ts';
import type { ContainerSpec } from './runtime.ts';

export interface LaunchTrees {
  /** What the container's monitor and crun find mounted. */
  trees: MountTree[];
  /** Where crun finds the source of a mount. */
  sources: ReadonlyMap<string, string>;
}

/**
 * What of the host a container is made from: its root and the pins of its namespaces, which it finds where they are, and the
 * sources of its mounts, which may lie on mounts that are not there and so get places of their own in the bundle.
 */
export function launchTrees(
  bundle: string,
  spec: Pick<ContainerSpec, 'mounts' | 'terminationMessage'>,
  pinned: string[],
): LaunchTrees {
  const propagates = new Map<string, boolean>();
  for (const { hostPath, propagation = 'private' } of spec.mounts)
    propagates.set(hostPath, propagation !== 'private' || (propagates.get(hostPath) ?? false));
  if (spec.terminationMessage) propagates.set(spec.terminationMessage.hostPath, false);
  const own = [...propagates].map(([source, spreads], index) => {
    const target = path.join(sourcesDir(bundle), String(index));
    return { source, target, ...(spreads && { propagates: true }) };
  });
  return {
    trees: [path.join(bundle, 'rootfs'), ...pinned].map((place) => ({ source: place, target: place })).concat(own),
    sources: new Map(own.map(({ source, target }) => [source, target])),
  };
}

export const sourcesDir = (bundle: string): string => path.join(bundle, 'sources');
