import { stat } from 'node:fs/promises';
import type { Volume } from '../../api/generated/core-v1.ts';
import { persistentVolumeClaims, persistentVolumes } from '../../api/resource.ts';
import { setUpHostPath } from './host-path.ts';
import type { ReadyVolume, VolumeContext } from './volume.ts';

/** A claim (named, or made for a generic ephemeral volume) that is bound to a hostPath or local PersistentVolume. */
export async function setUpClaim({ client, pod }: VolumeContext, volume: Volume): Promise<ReadyVolume> {
  const namespace = pod.metadata.namespace ?? '';
  const name = volume.persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${volume.name}`;
  const claim = await client.get(persistentVolumeClaims, name, namespace);
  if (volume.ephemeral && !claim.metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid))
    throw new Error(
      `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`,
    );
  if (claim.status?.phase !== 'Bound' || !claim.spec?.volumeName)
    throw new Error(`error processing PVC ${namespace}/${name}: PVC is not bound`);
  const { spec } = await client.get(persistentVolumes, claim.spec.volumeName);
  const readOnly = volume.persistentVolumeClaim?.readOnly === true;
  if (spec.hostPath) return { ...(await setUpHostPath(spec.hostPath)), readOnly };
  if (!spec.local) throw new Error(`no volume plugin matched PersistentVolume ${claim.spec.volumeName}`);
  await stat(spec.local.path).catch(() => {
    throw new Error(`path "${spec.local?.path}" does not exist`);
  });
  return { hostPath: spec.local.path, readOnly };
}
