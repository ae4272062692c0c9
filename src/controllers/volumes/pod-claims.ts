import type { Pod } from '../../api/generated/core-v1.ts';

/** Keys of the claims that a Pod mounts, those of its ephemeral volumes too. */
export function claimKeysOf(pod: Pod): string[] {
  const { namespace, name } = pod.metadata;
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim) return [`${namespace}/${volume.persistentVolumeClaim.claimName}`];
    return volume.ephemeral ? [`${namespace}/${name}-${volume.name}`] : [];
  });
}

/** Index of Pods by the claims that they mount. */
export const byClaim = { claim: claimKeysOf };
