import { uniqueVolumeName } from '../../api/csi-names.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { classOf } from '../../api/match-volume.ts';
import type { ClusterObjects } from '../cluster-objects.ts';
import type { NodeInfo } from '../cluster-snapshot.ts';
import type { Plugin } from '../plugin.ts';
import { claimNames, hasClaims } from './volume-binding.ts';

/** Volumes by driver: the names by which each is counted once. */
type Volumes = Map<string, Set<string>>;

interface Limits {
  wanted: Volumes;
  objects: ClusterObjects;
}

/** A node takes only so many volumes of a CSI driver, as its CSINode says (plugins/nodevolumelimits/csi.go). */
export const nodeVolumeLimits: Plugin<Limits | undefined> = {
  name: 'NodeVolumeLimits',
  prepare: (pod, { objects }) => {
    if (!hasClaims(pod)) return undefined;
    const wanted = csiVolumes([pod], objects);
    return wanted.size > 0 ? { wanted, objects } : undefined;
  },
  filter: (_pod, info, state) => (state && isFull(info, state) ? ['node(s) exceed max volume count'] : []),
};

function isFull({ node, pods }: NodeInfo, { wanted, objects }: Limits): boolean {
  const limits = new Map(
    (objects.csiNode(node.metadata.name)?.spec.drivers ?? []).map(({ name, allocatable }) => [
      name,
      allocatable?.count,
    ]),
  );
  if (![...wanted.keys()].some((driver) => limits.get(driver) !== undefined)) return false;
  const there = csiVolumes([...pods.values()], objects);
  return [...wanted].some(([driver, names]) => {
    const limit = limits.get(driver);
    const known = there.get(driver) ?? new Set();
    // What is there already takes no more room for a second Pod.
    const more = [...names].filter((name) => !known.has(name)).length;
    return limit !== undefined && more > 0 && known.size + more > limit;
  });
}

function csiVolumes(pods: Pod[], objects: ClusterObjects): Volumes {
  const found: Volumes = new Map();
  const add = (driver: string, name: string) => {
    const names = found.get(driver) ?? new Set();
    found.set(driver, names.add(name));
  };
  for (const pod of pods)
    for (const { name } of claimNames(pod)) {
      const key = `${pod.metadata.namespace}/${name}`;
      const claim = objects.claim(key);
      if (!claim) continue;
      const csi = claim.spec.volumeName ? objects.volume(claim.spec.volumeName)?.spec.csi : undefined;
      if (csi) add(csi.driver, uniqueVolumeName(csi.driver, csi.volumeHandle));
      // One that is yet to be made will be of its class's driver.
      else if (!claim.spec.volumeName) add(objects.storageClass(classOf(claim))?.provisioner ?? '', key);
    }
  return found;
}
