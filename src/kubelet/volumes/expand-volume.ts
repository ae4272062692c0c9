import type { PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import { compareQuantities } from '../../api/quantity.ts';
import { persistentVolumeClaims, persistentVolumes } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { wholeValue } from '../quantity.ts';
import type { ReadyVolume } from './volume.ts';

const resizeConditions = ['Resizing', 'FileSystemResizePending', 'NodeResizeError', 'ControllerResizeError'];

/**
 * The node's part of growing a claim: the volume is larger already, its file system is to follow (pkg/volume/util
 * operationexecutor NodeExpandVolume, KEP-1790). One look at the claim of one volume that is mounted.
 */
export async function expandVolume(
  { expand, claim: reference, persistentVolume: name }: ReadyVolume,
  { client, events }: { client: Client; events: EventRecorder },
): Promise<void> {
  if (!expand || !reference || !name) return;
  const claim = await client.get(persistentVolumeClaims, reference.name, reference.namespace);
  const has = claim.status?.capacity?.storage ?? '0';
  if (compareQuantities(claim.spec.resources?.requests?.storage ?? '0', has) <= 0) return;
  const volume = await client.get(persistentVolumes, name);
  const storage = volume.spec.capacity?.storage ?? '0';
  if (compareQuantities(storage, has) <= 0) return;
  try {
    await expand(wholeValue(storage));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    events.event(
      claim,
      'Warning',
      'VolumeResizeFailed',
      `NodeExpandVolume.NodeExpandVolume failed for volume "${name}" : ${why}`,
    );
    return;
  }
  await client.update(persistentVolumeClaims, grown(claim, storage), { subresource: 'status' });
  events.event(
    claim,
    'Normal',
    'FileSystemResizeSuccessful',
    `MountVolume.NodeExpandVolume succeeded for volume "${name}"`,
  );
}

function grown(claim: PersistentVolumeClaim, storage: string): PersistentVolumeClaim {
  const { allocatedResourceStatuses: _, ...status } = claim.status ?? {};
  return {
    ...claim,
    status: {
      ...status,
      capacity: { ...status.capacity, storage },
      conditions: (status.conditions ?? []).filter(({ type }) => !resizeConditions.includes(type)),
    },
  };
}
