import type { PersistentVolume } from '../../api/generated/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { persistentVolumeClaims, persistentVolumes } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import { formatTime } from '../../api/time.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';

const provisionedBy = 'pv.kubernetes.io/provisioned-by';
const boundByController = 'pv.kubernetes.io/bound-by-controller';

/** Keeps the phase of volumes, and frees those whose claim chose another (kubernetes pkg/controller/volume/persistentvolume syncVolume). */
export function volumePhaseController({ client, informers, events, clock }: ControllerContext): Controller {
  const all = informers.informer(persistentVolumes, {
    indexes: {
      claim: ({ spec }: PersistentVolume) =>
        spec.claimRef ? [`${spec.claimRef.namespace}/${spec.claimRef.name}`] : [],
    },
  });
  const claims = informers.informer(persistentVolumeClaims);
  return {
    name: 'persistentvolume-binder',
    for: persistentVolumes,
    watches: [
      {
        resource: persistentVolumeClaims,
        keys: (claim) => all.byIndex('claim', keyOf(claim)).map(({ metadata }) => metadata.name),
      },
    ],
    reconcile: async (name) => {
      const volume = all.get(name);
      if (!volume) return;
      const { claimRef } = volume.spec;
      if (!claimRef?.uid) return writePhase(volume, 'Available');
      const claim = await findClaim(`${claimRef.namespace}/${claimRef.name}`, claimRef.uid);
      if (!claim) return release(volume);
      if (claim.spec.volumeName === name) return writePhase(volume, 'Bound');
      // The claim's side of the binding is still to come.
      if (!claim.spec.volumeName) return;
      return volume.metadata.annotations?.[provisionedBy] ? release(volume) : unbind(volume);
    },
  };

  /** The cache may be behind: a claim is gone only when the API says so. */
  async function findClaim(key: string, uid: string) {
    const cached = claims.get(key);
    if (cached?.metadata.uid === uid) return cached;
    const [namespace, name = ''] = key.split('/');
    try {
      const claim = await client.get(persistentVolumeClaims, name, namespace);
      return claim.metadata.uid === uid ? claim : undefined;
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /** What is to be deleted is its provisioner's business. */
  async function release(volume: PersistentVolume): Promise<void> {
    await writePhase(volume, volume.status?.phase === 'Failed' ? 'Failed' : 'Released');
    if (volume.spec.persistentVolumeReclaimPolicy !== 'Recycle' || volume.status?.phase === 'Failed') return;
    events.event(volume, 'Warning', 'VolumeFailedRecycle', 'No recycler plugin found for the volume!');
    await writePhase(volume, 'Failed', 'No recycler plugin found for the volume!');
  }

  async function unbind(volume: PersistentVolume): Promise<void> {
    const { [boundByController]: ours, ...annotations } = volume.metadata.annotations ?? {};
    const { uid: _uid, resourceVersion: _version, ...reserved } = volume.spec.claimRef ?? {};
    const claimRef = ours ? undefined : reserved;
    await client.update(persistentVolumes, {
      ...volume,
      metadata: { ...volume.metadata, annotations },
      spec: { ...volume.spec, claimRef },
    });
  }

  async function writePhase(
    volume: PersistentVolume,
    phase: NonNullable<PersistentVolume['status']>['phase'],
    message?: string,
  ): Promise<void> {
    if (volume.status?.phase === phase && volume.status?.message === message) return;
    const lastPhaseTransitionTime = formatTime(new Date(clock.now()));
    const status = { phase, ...(message ? { message } : {}), lastPhaseTransitionTime };
    await client.update(persistentVolumes, { ...volume, status }, { subresource: 'status' });
  }
}
