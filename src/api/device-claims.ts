import type { Pod, PodResourceClaim } from './generated/core-v1.ts';

/** Keeps a claim from going while its devices are allocated (resource.k8s.io Finalizer). */
export const claimFinalizer = 'resource.kubernetes.io/delete-protection';
/** So many Pods may share a claim (resource.k8s.io ResourceClaimReservedForMaxSize). */
export const mostReservations = 256;

/** The name of the claim that a Pod means: undefined where it has to be made first, null where none is needed. */
export function claimNameOf(pod: Pod, claim: PodResourceClaim): string | undefined | null {
  if (claim.resourceClaimName) return claim.resourceClaimName;
  const status = pod.status?.resourceClaimStatuses?.find(({ name }) => name === claim.name);
  return status && (status.resourceClaimName ?? null);
}
