import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import { compareQuantities } from '../../api/quantity.ts';
import { persistentVolumeClaims, persistentVolumes } from '../../api/resource.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { localPathProvisioner, provisionedBy } from './local-path.ts';

const resizeConditions = ['Resizing', 'FileSystemResizePending', 'ControllerResizeError', 'NodeResizeError'];

/**
 * Grants claims the size that they ask for anew (as the external resizer of sig-storage does). A directory has the size of
 * its disk, so there is nothing to be done but to say so.
 */
export function localPathResizeController({ client, informers, events }: ControllerContext): Controller {
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  return {
    name: 'local-path-resize',
    for: persistentVolumeClaims,
    watches: [{ resource: persistentVolumes, keys: () => [] }],
    reconcile: async (key) => {
      const claim = claims.get(key);
      const wanted = claim?.spec.resources?.requests?.storage;
      const has = claim?.status?.capacity?.storage;
      if (claim?.status?.phase !== 'Bound' || !wanted || !has || compareQuantities(wanted, has) <= 0) return;
      const volume = volumes.get(claim.spec.volumeName ?? '');
      if (volume?.metadata.annotations?.[provisionedBy] !== localPathProvisioner) return;
      if (volume.spec.volumeMode === 'Block') {
        const text = `resize volume "${volume.metadata.name}" failed: block volumes of this class cannot grow`;
        events.event(claim, 'Warning', 'VolumeResizeFailed', text);
        return;
      }
      events.event(claim, 'Normal', 'Resizing', `External resizer is resizing volume ${volume.metadata.name}`);
      await growVolume(volume, wanted);
      await growClaim(claim, wanted);
      events.event(claim, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
    },
  };

  async function growVolume(volume: PersistentVolume, storage: string): Promise<void> {
    if (compareQuantities(volume.spec.capacity?.storage ?? '0', storage) >= 0) return;
    const spec = { ...volume.spec, capacity: { ...volume.spec.capacity, storage } };
    await client.update(persistentVolumes, { ...volume, spec });
  }

  async function growClaim(claim: PersistentVolumeClaim, storage: string): Promise<void> {
    const status = {
      ...claim.status,
      capacity: { ...claim.status?.capacity, storage },
      allocatedResources: { ...claim.status?.allocatedResources, storage },
      conditions: claim.status?.conditions?.filter(({ type }) => !resizeConditions.includes(type)),
    };
    await client.update(persistentVolumeClaims, { ...claim, status }, { subresource: 'status' });
  }
}
