import type { StatefulSet } from '../../api/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import type { OwnerReference } from '../../api/generated/meta-v1.ts';
import { keyOf } from '../../api/object.ts';
import { persistentVolumeClaims } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { ownerReference } from '../pod-control.ts';
import { claimsOf, ordinalOf } from './identity.ts';

/** The claims of a StatefulSet's Pods: made with the Pod, and kept or not by spec.persistentVolumeClaimRetentionPolicy (KEP-1847). */
export interface StatefulClaims {
  ensure(set: StatefulSet, ordinal: number): Promise<void>;
  /** Makes the claims of a Pod belong to the Pod, the set or nobody; `condemned`: the Pod goes by scaling down. */
  own(set: StatefulSet, pod: Pod, condemned: boolean): Promise<void>;
}

export function createStatefulClaims({ client, informers, events }: ControllerContext): StatefulClaims {
  const all = informers.informer(persistentVolumeClaims);
  return {
    ensure: async (set, ordinal) => {
      for (const claim of claimsOf(set, ordinal)) {
        const existing = all.get(keyOf(claim));
        if (existing?.metadata.deletionTimestamp)
          throw new Error(`persistent volume claim ${keyOf(claim)} is being deleted`);
        if (existing) continue;
        const about = `Claim ${claim.metadata.name} Pod ${set.metadata.name}-${ordinal} in StatefulSet ${set.metadata.name}`;
        const references = wantedOwners(set, undefined, false);
        try {
          await client.create(persistentVolumeClaims, {
            ...claim,
            metadata: { ...claim.metadata, ...(references.length > 0 ? { ownerReferences: references } : {}) },
          });
          events.event(set, 'Normal', 'SuccessfulCreate', `create ${about} success`);
        } catch (error) {
          if (hasReason(error, 'AlreadyExists')) continue;
          events.event(set, 'Warning', 'FailedCreate', `create ${about} failed error: ${(error as Error).message}`);
          throw error;
        }
      }
    },

    own: async (set, pod, condemned) => {
      for (const draft of claimsOf(set, ordinalOf(set, pod) ?? -1)) {
        const claim = all.get(keyOf(draft));
        if (!claim) continue;
        const wanted = wantedOwners(set, pod, condemned);
        const managed = (one: OwnerReference) => one.uid === set.metadata.uid || one.kind === 'Pod';
        const current = claim.metadata.ownerReferences ?? [];
        const same =
          current
            .filter(managed)
            .map(({ uid }) => uid)
            .join() === wanted.map(({ uid }) => uid).join();
        if (same) continue;
        const ownerReferences = [...current.filter((one) => !managed(one)), ...wanted];
        await client.update<PersistentVolumeClaim>(persistentVolumeClaims, {
          ...claim,
          metadata: { ...claim.metadata, ownerReferences },
        });
      }
    },
  };
}

function wantedOwners(set: StatefulSet, pod: Pod | undefined, condemned: boolean): OwnerReference[] {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  if (whenScaled === 'Delete' && condemned && pod) return [ownerReference(pod)];
  return whenDeleted === 'Delete' ? [ownerReference(set)] : [];
}
