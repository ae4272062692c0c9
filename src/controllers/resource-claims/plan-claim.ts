import { claimFinalizer } from '../../api/device-claims.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { ResourceClaim, ResourceClaimConsumerReference } from '../../api/generated/resource-v1.ts';
import { isTerminated } from '../pod-state.ts';

/** What is to become of claims of devices (kubernetes pkg/controller/resourceclaim). Pure. */

/** On claims made from a template: the name that the Pod has for them. */
export const podClaimAnnotation = 'resource.kubernetes.io/pod-claim-name';

export const isOwnedBy = (claim: ResourceClaim, pod: Pod) =>
  claim.metadata.ownerReferences?.some(({ uid, controller }) => controller && uid === pod.metadata.uid) ?? false;

/** Whether the Pod uses no devices any more. */
export function isDone(pod: Pod): boolean {
  return isTerminated(pod) || (pod.metadata.deletionTimestamp !== undefined && !pod.spec.nodeName);
}

/** Room for the random end is left, and both names keep their share of what is too long. */
export function generatedName(podName: string, claimName: string): string {
  const longest = 57;
  const name = `${podName}-${claimName}-`;
  if (name.length <= longest) return name;
  const part = (text: string) => text.slice(0, Math.trunc((text.length * longest) / name.length));
  return `${part(podName)}-${part(claimName)}`;
}

export type ClaimPlan =
  /** Some of those for whom it was reserved are gone; with the last of them its allocation goes, too. */
  | { action: 'release'; reservedFor: ResourceClaimConsumerReference[]; deallocate: boolean }
  /** It is being deleted, and nobody holds it back. */
  | { action: 'deallocate' }
  /** It was made for a Pod that needs it no more. */
  | { action: 'delete' };

/** `exists`: whether the one for whom it is reserved is still there and may use it. */
export function planClaim(
  claim: ResourceClaim,
  owner: Pod | undefined,
  exists: (consumer: ResourceClaimConsumerReference) => boolean,
): ClaimPlan | undefined {
  const { reservedFor = [] } = claim.status ?? {};
  const valid = reservedFor.filter(exists);
  const isProtected = claim.metadata.finalizers?.includes(claimFinalizer) ?? false;
  if (valid.length < reservedFor.length)
    return { action: 'release', reservedFor: valid, deallocate: valid.length === 0 && isProtected };
  if (isProtected && claim.metadata.deletionTimestamp && valid.length === 0) return { action: 'deallocate' };
  if (owner && isDone(owner) && valid.length === 0 && !claim.metadata.deletionTimestamp) return { action: 'delete' };
  return undefined;
}
