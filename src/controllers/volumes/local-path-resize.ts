import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import { compareQuantities, parseQuantity } from '../../api/quantity.ts';
import { persistentVolumeClaims, persistentVolumes } from '../../api/resource.ts';
import type { Controller, ControllerContext, ControllerFactory } from '../../client/controller.ts';
import { type LocalDirectories, localPathProvisioner, provisionedBy } from './local-path.ts';

const pendingCondition = 'FileSystemResizePending';
const resizeConditions = ['Resizing', pendingCondition, 'ControllerResizeError', 'NodeResizeError'];

const isPending = ({ status }: PersistentVolumeClaim): boolean =>
  status?.conditions?.some(({ type }) => type === pendingCondition) ?? false;

/**
 * Grants claims the size that they ask for anew (as the external resizer of sig-storage does). A directory has the size of
 * its disk, so there is nothing to be done but to say so; a file grows, and the node lets its file system follow.
 */
export function localPathResizeController(directories: LocalDirectories): ControllerFactory {
  return (context) => localPathResize(context, directories);
}

function localPathResize({ client, informers, events }: ControllerContext, directories: LocalDirectories): Controller {
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
      const file = volume.spec.local?.path;
      const granted = compareQuantities(volume.spec.capacity?.storage ?? '0', wanted) >= 0;
      if (file && granted && isPending(claim)) return;
      events.event(claim, 'Normal', 'Resizing', `External resizer is resizing volume ${volume.metadata.name}`);
      if (file) await directories.makeFile(file, Number(parseQuantity(wanted).nanos / 1_000_000_000n));
      if (!granted) await growVolume(volume, wanted);
      if (file) return askNode(claim, wanted);
      await growClaim(claim, wanted);
      events.event(claim, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
    },
  };

  /** The rest is done where the volume is mounted (KEP-1790). */
  async function askNode(claim: PersistentVolumeClaim, storage: string): Promise<void> {
    const message = 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.';
    const pending = { type: pendingCondition, status: 'True' as const, message };
    const status = {
      ...claim.status,
      allocatedResources: { ...claim.status?.allocatedResources, storage },
      conditions: [...(claim.status?.conditions ?? []).filter(({ type }) => !resizeConditions.includes(type)), pending],
    };
    await client.update(persistentVolumeClaims, { ...claim, status }, { subresource: 'status' });
    events.event(claim, 'Normal', 'FileSystemResizeRequired', 'Require file system resize of volume on node');
  }

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
