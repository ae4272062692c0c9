import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { persistentVolumeClaims, persistentVolumes, pods, type Resource } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Client } from '../../client/client.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { isTerminated } from '../pod-state.ts';
import { byClaim, claimKeysOf } from './pod-claims.ts';

const claimFinalizer = 'kubernetes.io/pvc-protection';
const volumeFinalizer = 'kubernetes.io/pv-protection';

/** Keeps a deleted claim until no Pod uses it any more (kubernetes pkg/controller/volume/pvcprotection). */
export function pvcProtectionController({ client, informers }: ControllerContext): Controller {
  const all = informers.informer(persistentVolumeClaims);
  const allPods = informers.informer(pods, { indexes: byClaim });
  return {
    name: 'pvc-protection',
    for: persistentVolumeClaims,
    watches: [
      {
        resource: pods,
        keys: (pod: Pod) => claimKeysOf(pod).filter((key) => all.get(key)?.metadata.deletionTimestamp),
      },
    ],
    reconcile: async (key) => {
      const claim = all.get(key);
      if (!claim) return;
      const inUse = allPods.byIndex('claim', key).some((pod) => pod.spec.nodeName && !isTerminated(pod));
      await keepFinalizer<PersistentVolumeClaim>(client, persistentVolumeClaims, claim, claimFinalizer, inUse);
    },
  };
}

/** Keeps a deleted volume until it is bound no more (kubernetes pkg/controller/volume/pvprotection). */
export function pvProtectionController({ client, informers }: ControllerContext): Controller {
  const all = informers.informer(persistentVolumes);
  return {
    name: 'pv-protection',
    for: persistentVolumes,
    reconcile: async (name) => {
      const volume = all.get(name);
      if (!volume) return;
      const bound = volume.status?.phase === 'Bound';
      await keepFinalizer<PersistentVolume>(client, persistentVolumes, volume, volumeFinalizer, bound);
    },
  };
}

/** There from the beginning, gone when the object is deleted and nobody uses it. */
async function keepFinalizer<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  inUse: boolean,
): Promise<void> {
  const finalizers = object.metadata.finalizers ?? [];
  const has = finalizers.includes(finalizer);
  const deleting = !!object.metadata.deletionTimestamp;
  if (deleting ? !has || inUse : has) return;
  const changed = deleting ? finalizers.filter((one) => one !== finalizer) : [...finalizers, finalizer];
  try {
    await client.update(resource, { ...object, metadata: { ...object.metadata, finalizers: changed } });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
