import type { Plugin } from '../plugin.ts';
import { claimNames, hasClaims } from './volume-binding.ts';

/** A claim with access mode ReadWriteOncePod is for one Pod only (KEP-2485, plugins/volumerestrictions). */
export const volumeRestrictions: Plugin<boolean> = {
  name: 'VolumeRestrictions',
  prepare: (pod, { nodes, objects }) => {
    if (!hasClaims(pod)) return false;
    const { namespace } = pod.metadata;
    const exclusive = new Set(
      claimNames(pod)
        .map(({ name }) => name)
        .filter((name) => objects.claim(`${namespace}/${name}`)?.spec.accessModes?.includes('ReadWriteOncePod')),
    );
    if (exclusive.size === 0) return false;
    return nodes.some((info) =>
      [...info.pods.values()].some(
        (other) =>
          other.metadata.namespace === namespace &&
          other.metadata.uid !== pod.metadata.uid &&
          claimNames(other).some(({ name }) => exclusive.has(name)),
      ),
    );
  },
  filter: (_pod, _info, taken) =>
    taken ? ['node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'] : [],
};
